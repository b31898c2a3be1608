/**
 * Keeps the newest words in sight while somebody reads at the end, and leaves alone who reads further up.
 */
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react"

/** How far from the end still counts as being there, in CSS pixels. */
const NEAR = 64
const distance = (): number => document.documentElement.scrollHeight - window.innerHeight - window.scrollY

/** `changes` is any value that changes with the content. `away`: there is something below that is not in sight. */
export const useStickToEnd = (changes: unknown): { readonly away: boolean; readonly toEnd: () => void } => {
  const pinned = useRef(true)
  const [away, setAway] = useState(false)
  const toEnd = useCallback(() => {
    pinned.current = true
    setAway(false)
    window.scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" })
  }, [])
  useEffect(() => {
    let top = window.scrollY
    const onScroll = (): void => {
      const up = window.scrollY < top
      top = window.scrollY
      // Growing content moves the end away without anybody scrolling: only a move upwards lets go.
      if (distance() <= NEAR) pinned.current = true
      else if (up) pinned.current = false
      setAway(!pinned.current)
    }
    window.addEventListener("scroll", onScroll, { passive: true })
    return () => window.removeEventListener("scroll", onScroll)
  }, [])
  useLayoutEffect(() => {
    if (pinned.current && distance() > 0) window.scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" })
  }, [changes])
  return { away, toEnd }
}
