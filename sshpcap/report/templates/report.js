"use strict";
(() => {
  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const form = document.getElementById("filter");
  if (form) {
    const find = document.getElementById("find");
    const count = document.getElementById("count");
    const rows = all("#connections tbody tr");
    const sections = new Map(all("section.connection").map((one) => [one.dataset.number, one]));
    const words = new Map(rows.map((row) => {
      const section = sections.get(row.dataset.number);
      return [row, (row.textContent + " " + (section ? section.textContent : "")).toLowerCase()];
    }));
    const apply = () => {
      const wanted = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      const outcomes = new Set(all("input[name=outcome]:checked", form).map((box) => box.value));
      let left = 0;
      for (const row of rows) {
        const fits = outcomes.has(row.dataset.outcome) && wanted.every((word) => words.get(row).includes(word));
        row.hidden = !fits;
        const section = sections.get(row.dataset.number);
        if (section) section.hidden = !fits;
        if (fits) left += 1;
      }
      count.textContent = left + " of " + rows.length;
      document.getElementById("none").hidden = left > 0;
    };
    form.hidden = false;
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    apply();
    const keys = document.getElementById("keys");
    if (keys) keys.hidden = false;
    const step = (by) => {
      const visible = all("section.connection").filter((one) => !one.hidden);
      if (!visible.length) return;
      const at = visible.findIndex((one) => one.contains(document.activeElement));
      const next = at < 0 ? (by > 0 ? 0 : visible.length - 1) : Math.min(Math.max(at + by, 0), visible.length - 1);
      visible[next].focus({preventScroll: true});
      visible[next].scrollIntoView();
    };
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Escape") {
        find.value = "";
        for (const box of all("input[name=outcome]", form)) box.checked = true;
        apply();
        return;
      }
      if (event.target.matches("input, textarea, select")) return;
      if (event.key === "/") { event.preventDefault(); find.focus(); }
      if (event.key === "j") step(1);
      if (event.key === "k") step(-1);
    });
  }
  for (const ladder of all("svg.ladder")) {
    const rungs = all(".rung", ladder);
    const point = ladder.parentElement.querySelector(".point");
    const usual = point ? point.textContent : "";
    const place = ladder.parentElement; // an SVG that listens for focus would take part in tabbing itself
    const show = (event) => {
      const rung = event.target.closest(".rung");
      if (rung && point && ladder.contains(rung)) point.textContent = rung.dataset.note;
    };
    place.addEventListener("mouseover", show);
    place.addEventListener("focusin", show);
    ladder.addEventListener("mouseleave", () => { if (point) point.textContent = usual; });
    place.addEventListener("keydown", (event) => {
      const at = rungs.indexOf(document.activeElement);
      const to = {ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rungs.length - 1}[event.key];
      if (at < 0 || to === undefined || !rungs[to]) return;
      event.preventDefault();
      rungs[at].setAttribute("tabindex", "-1");
      rungs[to].setAttribute("tabindex", "0");
      rungs[to].focus();
    });
  }
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of closed) one.open = false; });
})();
