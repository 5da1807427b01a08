/// How the page looks, in light and dark.
///
/// The colours of the backends are of different lightness as well as hue, so that they stay apart for people who see few
/// colours, and have enough contrast with the ground in both themes.
enum PageStyle {
  private static let light = ["#0067a5", "#c04a00", "#00795a", "#a23b7c", "#7a5c00", "#4a4fc4", "#4d4d4d", "#00808f"]
  private static let dark = ["#5ab4f0", "#ff9b50", "#3ccf9f", "#f2a5cf", "#f0e050", "#a8acff", "#cfcfcf", "#4dd5e5"]

  static var css: String {
    """
    :root { color-scheme: light dark; --ground: #ffffff; --panel: #f7f7f5; --ink: #1c1e21; --quiet: #5c6167; \
    --grid: #e3e3df; --stripe: #efefec; --axis: #8a8f95; \(self.variables(self.light)) }
    @media (prefers-color-scheme: dark) {
    :root { --ground: #131518; --panel: #1b1e22; --ink: #e8e9eb; --quiet: #a3a9b0; --grid: #30343a; --stripe: #22262b; \
    --axis: #767c84; \(self.variables(self.dark)) }
    }
    * { box-sizing: border-box; }
    body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 1240px; background: var(--ground); color: var(--ink); \
    font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
    h1 { font-size: 1.7rem; margin: 0 0 .25rem; line-height: 1.2; }
    h2 { font-size: 1.25rem; margin: 2.75rem 0 0; }
    h3 { font-size: 1rem; margin: 0; }
    p { margin: .25rem 0; max-width: 75ch; }
    .quiet, figcaption p, caption, dt, .note { color: var(--quiet); }
    dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 1rem 0; font-size: .9rem; }
    dd { margin: 0; }
    .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 1rem; \
    margin-top: 1rem; align-items: stretch; }
    figure { margin: 0; padding: 1rem; background: var(--panel); border: 1px solid var(--grid); border-radius: 10px; }
    figcaption p { font-size: .85rem; }
    .picture { overflow-x: auto; margin-top: .5rem; }
    svg { display: block; width: 100%; min-width: 440px; height: auto; }
    svg text { font-size: 12px; fill: var(--quiet); font-variant-numeric: tabular-nums; }
    svg .name, svg .value { fill: var(--ink); font-size: 13px; }
    svg .name { font-weight: 600; }
    .grid { stroke: var(--grid); } .axis { stroke: var(--axis); } .stripe { fill: var(--stripe); }
    .range { stroke: var(--ink); stroke-width: 1.5; } .halo { stroke: var(--panel); stroke-width: 4; }
    .bar, .dot { fill: var(--c); } .away { fill: var(--c); opacity: .35; }
    .curve { fill: none; stroke: var(--c); stroke-width: 2.2; stroke-linejoin: round; }
    .leader { fill: none; stroke: var(--c); stroke-width: 1; opacity: .5; }
    svg .ink { fill: var(--c); }
    \((0..<Series.colours).map { ".c\($0) { --c: var(--c\($0)); }" }.joined(separator: " "))
    .scroll { overflow-x: auto; }
    table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; margin: .75rem 0; }
    caption { text-align: left; padding-bottom: .25rem; }
    th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--grid); white-space: nowrap; }
    thead th, tbody th { font-weight: 600; }
    th:first-child, .summary th:nth-child(2) { text-align: left; padding-left: 0; }
    .summary .first > * { border-top: 2px solid var(--axis); }
    .summary .best { font-weight: 700; } .best::after { content: " ★"; color: var(--c2); }
    .summary td:not(.best)::after { content: " ★"; visibility: hidden; }
    details { margin-top: .5rem; font-size: .88rem; } summary { cursor: pointer; color: var(--quiet); }
    details table { display: block; max-height: 20rem; overflow: auto; }
    .warning { border-left: 4px solid var(--c1); padding: .25rem .75rem; margin: 1rem 0; }
    """
  }

  private static func variables(_ colours: [String]) -> String {
    colours.enumerated().map { "--c\($0): \($1);" }.joined(separator: " ")
  }
}
