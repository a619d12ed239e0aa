"use strict";
// The tables of what can be opened. `open(entry, experiment)` is in viewer.js.

const dash = "-";
const fixed = (value, decimals) => value === null || value === undefined ? dash : value.toFixed(decimals);

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

// Numbers are sorted by value and everything else as text; empty cells stay last.
function compare(a, b) {
  const [x, y] = [Number(a), Number(b)];
  return isNaN(x) || isNaN(y) ? a.localeCompare(b, undefined, { numeric: true }) : x - y;
}

function sortBy(table, column) {
  const heads = [...table.querySelectorAll("th")];
  const rises = heads[column].getAttribute("aria-sort") !== "ascending";
  heads.forEach(head => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", rises ? "ascending" : "descending");
  const valueOf = row => row.cells[column].textContent;
  const empty = row => valueOf(row) === dash;
  const body = table.tBodies[0];
  body.append(...[...body.rows].sort((a, b) =>
    empty(a) - empty(b) || (rises ? 1 : -1) * compare(valueOf(a), valueOf(b))));
}

// `columns` are {head, number, wide, experiment, of(entry)}; a cell of an experiment opens its prediction.
function listOf(id, title, note, columns, entries) {
  const body = make("tbody");
  for (const entry of entries) {
    const row = make("tr", { tabIndex: 0 });
    for (const column of columns) {
      const cell = make("td", { textContent: column.of(entry) });
      cell.classList.toggle("number", Boolean(column.number));
      cell.classList.toggle("wide", Boolean(column.wide));
      if (column.experiment) cell.dataset.experiment = column.experiment;
      row.append(cell);
    }
    row.addEventListener("click", event => open(entry, event.target.dataset.experiment));
    row.addEventListener("keydown", event => moveOrOpen(event, row, entry));
    entry.row = row;
    body.append(row);
  }
  const heads = columns.map((column, number) => {
    const button = make("button", { type: "button", textContent: column.head });
    button.addEventListener("click", () => sortBy(button.closest("table"), number));
    return make("th", { scope: "col", className: column.number ? "number" : "" }, button);
  });
  const filter = make("input", { type: "search", placeholder: "Rows that hold ..." });
  filter.setAttribute("aria-label", `${title}: rows that hold`);
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(" ");
    for (const row of body.rows) row.hidden = !words.every(word => row.innerText.toLowerCase().includes(word));
  });
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), body);
  document.getElementById("lists").append(make("h2", { id, textContent: title }), make("p", { textContent: note }), filter, table);
}

function moveOrOpen(event, row, entry) {
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (event.key === "Enter" || event.key === " ") open(entry);
  else if (step) {
    let next = row[step];
    while (next && next.hidden) next = next[step];
    if (next) next.focus();
  } else return;
  event.preventDefault();
}

const PATIENT_COLUMNS = [
  { head: "patient", of: volume => volume.patient },
  { head: "sequence", of: volume => volume.title },
  ...(STUDY.cohorts.length > 1 ? [{ head: "cohort", of: volume => volume.cohort }] : []),
  ...STUDY.experiments.map(name => ({
    head: name, number: true, experiment: name,
    of: ({ predictions }) => predictions[name] ? fixed(predictions[name].dice_3d, 3) : dash,
  })),
];
const EXAM_COLUMNS = [
  { head: "study", of: exam => exam.name },
  { head: "organ", of: exam => Object.values(exam.predictions)[0].organ.replace("_", " ") },
  { head: "volume, mL", number: true, of: exam => fixed(Object.values(exam.predictions)[0].predicted_ml, 0) },
  { head: "look twice", wide: true, of: exam => exam.flags.map(flag => flag.name).join(", ") || dash },
];

document.getElementById("study").textContent = STUDY.name;
document.getElementById("source").textContent = STUDY.source;
document.title = `Viewer: ${STUDY.name}`;
if (STUDY.volumes.length && STUDY.exams.length) {
  document.getElementById("lists").append(make("p", {}, "Below the patients: ", make("a", { href: "#exams", textContent: "studies of one's own" })));
}
if (STUDY.volumes.length) {
  listOf("patients", "Patients", "3D Dice of each experiment on patients whose slices its network never saw.", PATIENT_COLUMNS, STUDY.volumes);
}
if (STUDY.exams.length) {
  listOf("exams", "Studies of one's own", "Segmented by a network for use. A flag is a reason to look twice.", EXAM_COLUMNS, STUDY.exams);
}
