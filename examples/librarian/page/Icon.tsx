/**
 * The page's few icons, drawn in the text's colour; always beside words or inside a labelled button.
 */
const paths = {
  send: "M12 19V5M5.5 11.5 12 5l6.5 6.5",
  stop: "M7.5 7.5h9v9h-9z",
  steer: "M5 5v6.5A3.5 3.5 0 0 0 8.5 15H19m0 0-4.5-4.5M19 15l-4.5 4.5",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Zm4.7-1.8L20 20",
  read: "M12 7.5C10.5 6 8 5.5 4.500 5.500V18c3.500 0 6 .5 7.500 2 1.500-1.500 4-2 7.500-2V5.500C16 5.500 13.500 6 12 7.500Zm0 0V20",
  tool: "M5 12h14M12 5v14",
  done: "m5.500 12.500 4.500 4.500L18.500 7.500",
  failed: "M7 7l10 10M17 7 7 17",
  chevron: "m9 6 6 6-6 6",
  down: "M12 5v14m-6-6 6 6 6-6",
  plus: "M12 5v14M5 12h14",
  note: "M6.500 4.500h7.500l3.500 3.500v11.500h-11ZM14 4.500V8h3.500M9.500 12h5M9.500 15.500h5",
  thought: "M12 4a7 7 0 0 0-4 12.700V19h8v-2.300A7 7 0 0 0 12 4ZM9.500 21.500h5"
} as const
export type IconName = keyof typeof paths

export const Icon = ({ name }: { readonly name: IconName }) => (
  <svg className="icon" viewBox="0 0 24 24" width="18" height="18" aria-hidden="true" focusable="false">
    <path
      d={paths[name]}
      fill={name === "stop" ? "currentColor" : "none"}
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
    />
  </svg>
)
