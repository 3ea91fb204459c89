/** How the page looks, in light and dark rooms, and on paper. */
export const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --bad: #b3261e; --warn: #8a5a00; --good: #1b6e3c; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --warn: #ffc46b; --good: #7fd6a0; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1.5rem; max-width: 80rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; }
.lead { opacity: .75; margin: .2rem 0 1rem; }
.figures { display: flex; flex-wrap: wrap; gap: .75rem; padding: 0; list-style: none; }
.figures a { display: block; border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .9rem; text-decoration: none; color: inherit; }
.figures a:hover, .figures a:focus-visible { background: var(--soft); }
.figures strong { display: block; font-size: 1.35rem; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; opacity: .75; padding: .3rem 0; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
thead th { position: sticky; top: 0; background: Canvas; } th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid; } th[aria-sort=ascending] button::after { content: " ▲"; } th[aria-sort=descending] button::after { content: " ▼"; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
code { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere; }
.bad { color: var(--bad); } .warn { color: var(--warn); } .good { color: var(--good); }
.mark { border: 1px solid; border-radius: 1rem; padding: 0 .5rem; font-size: .82em; white-space: nowrap; display: inline-block; margin: 0 .2rem .2rem 0; }
.controls { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; margin: .5rem 0; } .controls input[type=search] { font: inherit; padding: .3rem .5rem; min-width: 16rem; }
details summary { cursor: pointer; } details ul { margin: .2rem 0; padding-left: 1.2rem; }
@media print { .controls { display: none; } thead th { position: static; } }
`;

/** Filters and sorts the table of all packages. Without it the page shows everything all the same. */
export const SCRIPT = `
"use strict";
const table = document.getElementById("all");
const rows = [...table.tBodies[0].rows];
const search = document.getElementById("search");
const boxes = [...document.querySelectorAll("input[data-mark]")];
const shown = document.getElementById("shown");
function filter() {
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  const marks = boxes.filter((box) => box.checked).map((box) => box.dataset.mark);
  let count = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    const has = row.dataset.marks.split(" ");
    row.hidden = !words.every((word) => text.includes(word)) || !marks.every((mark) => has.includes(mark));
    if (!row.hidden) count += 1;
  }
  shown.textContent = count + " of " + rows.length + " shown";
}
search.addEventListener("input", filter);
for (const box of boxes) box.addEventListener("change", filter);
table.tHead.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const head = button.parentElement;
  const direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
  const value = (row) => row.cells[head.cellIndex].dataset.value ?? row.cells[head.cellIndex].textContent;
  const isNumber = head.classList.contains("number");
  rows.sort((a, b) => direction * (isNumber ? value(a) - value(b) : value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0));
  table.tBodies[0].append(...rows);
});
filter();
`;
