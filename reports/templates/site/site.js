"use strict";

// Opens what a link points into, since a folded place cannot be scrolled to.
function unfold() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let each = target; each; each = each.parentElement) {
    if (each.tagName === "DETAILS") each.open = true;
  }
  if (target) target.scrollIntoView();
}

// "12.3 [11.0, 13.9]" sorts as 12.3, "97.5 %" as 97.5, and words as words, behind all numbers.
function value(row, column) {
  const text = row.cells[column].textContent.trim();
  const number = text.replace(/,(?=\d{3}\b)/g, "").match(/^[-+\u2212]?\d+(\.\d+)?(e[-+]?\d+)?/i);
  return number ? parseFloat(number[0].replace("\u2212", "-")) : text || "\uffff";
}

function compare(one, other) {
  if (typeof one === typeof other) return one < other ? -1 : one > other ? 1 : 0;
  return typeof one === "number" ? -1 : 1;
}

function sort(table, column, head) {
  const descending = head.getAttribute("aria-sort") === "ascending";
  for (const each of head.parentElement.cells) each.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows];
  rows.sort((one, other) => (descending ? -1 : 1) * compare(value(one, column), value(other, column)));
  table.tBodies[0].append(...rows);
}

function asCsv(table) {
  const quoted = (cell) => '"' + cell.textContent.trim().replace(/"/g, '""') + '"';
  return [...table.rows].map((row) => [...row.cells].map(quoted).join(",")).join("\n");
}

function download(table) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([asCsv(table)], { type: "text/csv" }));
  link.download = "table.csv";
  link.click();
  URL.revokeObjectURL(link.href);
}

for (const table of document.querySelectorAll(".table table")) {
  if (!table.tHead) continue;
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(table, column, head));
    head.replaceChildren(button);
  });
  const save = document.createElement("button");
  save.type = "button";
  save.className = "download";
  save.textContent = "CSV";
  save.addEventListener("click", () => download(table));
  table.parentElement.after(save);
}
addEventListener("hashchange", unfold);
unfold();
