/**
 * Keeps what is being written in sight, and leaves alone who reads.
 *
 * A new question moves up until it reaches the top of the page, so that its answer is read from the beginning; who
 * goes to the end stays at the end while it grows; who moves up stays there.
 */
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react"

/** How far from the end still counts as being there, in CSS pixels. */
const NEAR = 48
/** Of the header, and some air below it. */
const TOP = 84
const distance = (): number => document.documentElement.scrollHeight - window.innerHeight - window.scrollY
const newest = (): Element | null => document.querySelector(".turn:last-of-type .question")

export interface Follow {
  /** There is something below that is not in sight. */
  readonly away: boolean
  readonly toEnd: () => void
  /** To be called when a question is asked: its turn is followed when it appears. */
  readonly toQuestion: () => void
}

/** `changes` is any value that changes with the content. */
export const useFollow = (changes: unknown): Follow => {
  const follows = useRef<"question" | "end" | "nothing">("question")
  /** Where the page was moved to last by this hook: a scroll event there is not a person's. */
  const moved = useRef(-1)
  const [away, setAway] = useState(false)

  const follow = useCallback((what: "question" | "end" | "nothing"): void => {
    follows.current = what
    // The browser keeps still what a reader looks at when something above it grows; who follows wants the opposite.
    document.documentElement.style.overflowAnchor = what === "nothing" ? "auto" : "none"
  }, [])
  const move = useCallback((): void => {
    const question = newest()
    if (question !== null && follows.current !== "nothing") {
      const end = window.scrollY + distance()
      const top = window.scrollY + question.getBoundingClientRect().top - TOP
      const target = Math.round(follows.current === "end" ? end : Math.min(end, top))
      if (target > window.scrollY + 1) {
        window.scrollTo({ top: target, behavior: "instant" })
        moved.current = window.scrollY
      }
    }
  }, [])
  useEffect(() => {
    let last = window.scrollY
    const look = (): void => setAway(newest() !== null && distance() > NEAR)
    const onScroll = (): void => {
      const now = window.scrollY
      // Growing content moves the end away without anybody scrolling: only a move upwards lets go.
      if (now !== moved.current) {
        if (distance() <= NEAR) follow("end")
        else if (now < last) follow("nothing")
      }
      last = now
      look()
    }
    follow(follows.current)
    const growth = new ResizeObserver(look)
    growth.observe(document.body)
    window.addEventListener("scroll", onScroll, { passive: true })
    return () => {
      growth.disconnect()
      window.removeEventListener("scroll", onScroll)
    }
  }, [follow])
  useLayoutEffect(move, [changes, move])
  return {
    away,
    toEnd: useCallback(() => {
      follow("end")
      move()
    }, [follow, move]),
    toQuestion: useCallback(() => follow("question"), [follow])
  }
}
