// The page's style sheet. Series colours after Okabe and Ito, "Color Universal Design" (2008), darkened on light paper
// and lightened on dark until each has a contrast of 3:1 with it.
#include "results/report_style.h"

namespace automask::results {

const char* const report_style = R"css(
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --soft: #59636e; --grid: #d8dee4; --panel: #f5f7f9;
  --link: #0550ae; --best: #dff3e4; --target: #fff3c4; --bad: #b42318;
  --s0: #0072b2; --s1: #d55e00; --s2: #00875f; --s3: #b0578d; --s4: #b57a00; --s5: #2e8fc4; --s6: #857c00; --s7: #5c5f66; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171a; --ink: #e8eaed; --soft: #a3abb5; --grid: #363c44; --panel: #1d2125; --link: #7cb7ff;
    --best: #17402a; --target: #4a3f10; --bad: #ff8a80;
    --s0: #4aa8e8; --s1: #f08a3c; --s2: #2dbf93; --s3: #dd95c0; --s4: #e8b23a; --s5: #8fd0f5; --s6: #d9cf4a; --s7: #a9aeb8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px 28px 64px; max-width: 1500px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 26px; margin: 0 0 4px; line-height: 1.25; }
h2 { font-size: 20px; margin: 44px 0 4px; padding-top: 14px; border-top: 2px solid var(--ink); }
h3 { font-size: 16px; margin: 30px 0 6px; }
h1, h2, h3, td, th, code { overflow-wrap: break-word; unicode-bidi: isolate; }
h1, h2, td.wrap, .facts td, .facts th { overflow-wrap: anywhere; }
p { margin: 6px 0; max-width: 78em; }
.soft, .note { color: var(--soft); }
.note { font-size: 13px; }
.oracle { border-left: 4px solid var(--s1); padding: 4px 12px; background: var(--panel); }
a { color: var(--link); }
code { font: 12px ui-monospace, "DejaVu Sans Mono", monospace; }
nav ul { list-style: none; padding: 0; margin: 8px 0; display: flex; flex-wrap: wrap; gap: 4px 20px; }
.scroll { overflow-x: auto; margin: 8px 0 14px; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 540px), 1fr)); gap: 12px 28px; }
.plots > div { overflow-x: auto; max-width: 700px; }
.plots.single { grid-template-columns: minmax(0, 1000px); }
.plots.single > div { max-width: 1000px; }
table { border-collapse: collapse; font-size: 13px; }
caption { text-align: left; color: var(--soft); padding: 0 0 4px; }
th, td { padding: 5px 9px; text-align: right; vertical-align: top; border-bottom: 1px solid var(--grid); }
th { font-weight: 600; background: var(--panel); }
thead th { vertical-align: bottom; }
.matrix th, .matrix td { padding: 5px 7px; }
.matrix thead th { max-width: 8.5em; font-size: 12px; }
th:first-child, td.text, th.text { text-align: left; }
th:first-child { max-width: 20em; }
.matrix th:first-child { position: sticky; left: 0; }
td a { color: inherit; text-decoration: none; border-bottom: 1px dotted var(--soft); }
td a:hover { border-bottom-style: solid; }
td { white-space: nowrap; }
td.wrap { white-space: normal; min-width: 14em; max-width: 44em; }
.interval { display: block; color: var(--soft); font-size: 11px; }
sup { color: var(--soft); font-size: 9px; line-height: 0; margin-left: 2px; }
td.best { background: var(--best); }
td.best a { font-weight: 700; }
td.bad { color: var(--bad); font-weight: 600; }
tr:target td, tr:target th { background: var(--target); }
details { margin: 8px 0 14px; }
summary { cursor: pointer; color: var(--link); }
.facts td { text-align: left; white-space: normal; }
.plot { width: 100%; min-width: 540px; height: auto; display: block; }
.plot text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--ink); }
.plot .title { font-size: 14px; font-weight: 600; }
.plot .tick, .plot .axis { fill: var(--soft); }
.plot .halo { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round; }
.plot .grid { stroke: var(--grid); stroke-width: 1; }
.plot .rule { stroke: var(--grid); stroke-width: 1; stroke-dasharray: 2 3; }
.plot .front { stroke: var(--soft); stroke-width: 1.2; stroke-dasharray: 5 4; fill: none; }
.plot .mark, .plot .bar { fill: var(--c); }
.plot .mark { stroke: var(--paper); stroke-width: .8; }
.plot .hollow { fill: var(--paper); stroke: var(--c); stroke-width: 1.6; }
.plot .whisker { stroke: var(--c); stroke-width: 1.4; }
.plot a:hover .mark, .plot a:focus .mark { stroke: var(--ink); stroke-width: 1.6; }
.s0 { --c: var(--s0); } .s1 { --c: var(--s1); } .s2 { --c: var(--s2); } .s3 { --c: var(--s3); }
.s4 { --c: var(--s4); } .s5 { --c: var(--s5); } .s6 { --c: var(--s6); } .s7 { --c: var(--s7); }
.neutral { --c: var(--soft); }
@media print { body { max-width: none; padding: 0; } .scroll { overflow: visible; } }
)css";

}  // namespace automask::results
