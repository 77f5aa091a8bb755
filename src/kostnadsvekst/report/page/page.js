  // What a number is sought by, however its thousands and decimals are written.
  const plain = (text) => text.toLowerCase().normalize("NFKC").replace(/[\u2212\u2013]/g, "-")
    .replace(/(\d)[\s.,](?=\d)/g, "$1").replace(/\s+/g, " ").trim();

  // --- Language: what is at the top of the window stays there.
  const atTop = () => all("tr, li, h2, h3, figure, p").find((e) => {
    const box = e.getBoundingClientRect();
    return box.height > 0 && box.bottom > 0;
  });
  const speak = (chosen) => {
    const before = window.scrollY > 0 ? atTop() : null;
    const place = before ? before.getBoundingClientRect().top : 0;
    root.lang = chosen;
    document.title = root.dataset[chosen === "nb" ? "titleNb" : "titleEn"];
    const key = chosen === "nb" ? "Nb" : "En";
    for (const e of all("[data-text-nb]")) e.textContent = e.dataset[`text${key}`];
    for (const e of all("[data-hint-nb]")) e.placeholder = e.dataset[`hint${key}`];
    for (const e of all("[data-label-nb]")) e.setAttribute("aria-label", e.dataset[`label${key}`]);
    for (const e of all("[data-lang]")) e.setAttribute("aria-pressed", String(e.dataset.lang === chosen));
    for (const slider of all("[data-slider]")) show(slider);
    if (detail.open) fill(detail.dataset.key);
    count();
    if (before) window.scrollBy({ top: before.getBoundingClientRect().top - place, behavior: "instant" });
    remember("lang", chosen);
  };

  // --- Details of one number.
  const fact = (list, name, value) => {
    if (!value) return;
    list.append(make("dt", name));
    const told = make("dd");
    if (value instanceof Node) told.append(value); else told.textContent = value;
    list.append(told);
  };
  const verdictOf = (item) => {
    const mark = make("span", "", { class: `cell ${data.classes[item.verdict]}` });
    mark.append(make("span", data.signs[item.verdict], { class: "sign", "aria-hidden": "true" }));
    mark.append(` ${tell(data.verdicts[item.verdict])}`);
    return mark;
  };
  const inEnglish = (text) => (text ? make("span", text, { lang: "en" }) : "");
  const facts = (item) => {
    const list = make("dl");
    for (const name of ["published", "ours", "second", "difference", "interval"]) {
      fact(list, word(name), name === "published" ? item[name] : (item[name] || "").split(/ (?:–|to) /).map(audited).join(" – "));
    }
    fact(list, word("verdict"), verdictOf(item));
    fact(list, word("evidence"), tell(data.evidence[item.evidence]));
    fact(list, word("origin"), tell(data.origins[item.origin] || item.origin));
    fact(list, word("how"), tell(item.how));
    fact(list, word("asked"), item.asked ? make("code", item.asked) : "");
    fact(list, word("reason"), inEnglish(item.reason));
    fact(list, word("also"), inEnglish(item.also));
    return list;
  };
  const codeOf = (key) => {
    const code = data.code[key];
    const block = make("details");
    const head = make("summary");
    head.append(make("code", code.name));
    const find = make("p", `${word("find")}: `);
    find.append(make("code", `grep -n "def ${code.call.split(".").pop()}(" ${code.path}`));
    const text = make("pre", "", { tabindex: "0" });
    text.append(make("code", code.source));
    block.append(head, find, text);
    block.addEventListener("toggle", () => { if (block.open) block.scrollIntoView({ block: "nearest" }); });
    return block;
  };
  const related = (key) => [items.get(key), items.get(`${key} stars`) || items.get(key.replace(/ b$/, " stars"))]
    .filter((item, i, list) => item && list.indexOf(item) === i);
  const fill = (key) => {
    const found = related(key);
    const item = found[0];
    detail.dataset.key = key;
    document.getElementById("detail-title").textContent = tell(item.place);
    const body = document.getElementById("detail-body");
    const open = all("details", body).map((e) => e.open);
    body.replaceChildren();
    if (data.label) body.append(make("p", tell(data.label), { class: "warning" }));
    else if (item.origin === "synthetic" && item.ours) body.append(make("p", tell(data.synthetic), { class: "warning" }));
    for (const one of found) {
      if (found.length > 1) body.append(make("h3", word(one === item ? "number" : "stars")));
      body.append(facts(one));
    }
    body.append(make("h3", word("code")));
    const keys = [...new Set(found.flatMap((one) => one.code || []))];
    if (!keys.length) body.append(make("p", word("no_code")));
    for (const name of keys) body.append(codeOf(name));
    all("details", body).forEach((e, i) => { e.open = Boolean(open[i]); });
    const link = make("label", `${word("link")} `);
    const address = make("input", "", { readonly: "", value: location.href.split("#")[0] + `#${encodeURI(key)}` });
    address.addEventListener("focus", () => address.select());
    link.append(address);
    body.append(link);
  };
  const reveal = (key, scroll) => {
    const home = all("[data-key]").find((e) => e.dataset.key === key && e !== detail);
    for (const e of all(".hit")) e.classList.remove("hit");
    if (!home) return;
    if (home.closest("[hidden]")) document.getElementById("tools").reset();
    home.classList.add("hit");
    if (scroll) home.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
  };
  const open = (key, scroll = false) => {
    reveal(key, scroll);
    fill(key);
    if (!detail.open) detail.showModal();
    detail.scrollTop = 0;
    history.replaceState(null, "", `#${encodeURI(key)}`);
  };
  const follow = () => {
    let key;
    try { key = decodeURIComponent(location.hash.slice(1)); } catch { return; }
    if (items.has(key)) open(key, true);
    else if (key && !document.getElementById(key)) {
      document.getElementById("shown").textContent = `${word("unknown_link")}: ${key}`;
    }
  };

  // --- Search, filters, sorting.
  const chosen = (name) => document.getElementById(name).value;
  const textOf = new WeakMap();
  const sought = (e, item) => {
    if (!textOf.has(e)) {
      const parts = item ? [item.key, item.published, item.ours, ...Object.values(Object(item.place)), item.place] : [];
      const own = e.closest("li") ? e.closest("li").textContent : "";
      textOf.set(e, plain([...parts.filter((p) => typeof p === "string"), own].join(" | ")));
    }
    return textOf.get(e);
  };
  const matches = (e, item, wanted) => (!wanted.text || sought(e, item).includes(wanted.text))
    && (!wanted.verdict || related(item.key).some((one) => one.verdict === wanted.verdict))
    && (!wanted.evidence || item.evidence === wanted.evidence)
    && (!wanted.chapter || item.chapter === wanted.chapter);
  const filter = () => {
    const wanted = { text: plain(chosen("search")), verdict: chosen("verdict"), evidence: chosen("evidence"), chapter: chosen("chapter") };
    const any = Object.values(wanted).some(Boolean);
    for (const table of all("div.printed")) {
      let hits = 0;
      for (const cell of all("button.cell", table)) {
        const hit = matches(cell, items.get(cell.dataset.key), wanted);
        cell.classList.toggle("dim", !hit);
        hits += hit ? 1 : 0;
      }
      table.hidden = any && hits === 0;
    }
    for (const card of all("#claim-list > li")) card.hidden = !matches(card, items.get(card.dataset.key), wanted);
    const judged = wanted.verdict || wanted.evidence || (wanted.chapter && wanted.chapter !== "consistency");
    for (const card of all("#finding-list > li")) {
      card.hidden = Boolean(judged) || (Boolean(wanted.text) && !sought(card, null).includes(wanted.text));
    }
    for (const figure of all("figure")) {
      figure.hidden = Boolean(wanted.verdict || wanted.evidence || (wanted.chapter && figure.dataset.chapter !== wanted.chapter)
        || (wanted.text && !plain(figure.querySelector("figcaption").textContent).includes(wanted.text)));
    }
    for (const folder of all("details.files")) {
      const paths = all("li", folder);
      for (const path of paths) path.hidden = Boolean(wanted.text) && !path.textContent.toLowerCase().includes(chosen("search").toLowerCase().trim());
      const hits = paths.filter((path) => !path.hidden).length;
      folder.hidden = hits === 0;
      folder.open = Boolean(wanted.text) && hits > 0;
    }
    count();
  };
  const count = () => {
    const cells = all("div.printed button.cell");
    const cards = all(".cards > li");
    const shown = cells.filter((e) => !e.classList.contains("dim") && !e.closest("[hidden]")).length
      + cards.filter((e) => !e.hidden).length;
    document.getElementById("shown").textContent = `${shown} ${word("of")} ${cells.length + cards.length} ${word("shown")}`;
  };
  const ranks = {
    verdict: ["differs", "not attempted", "rounds", "calibrated", "exact"],
    evidence: ["real", "identity", "consequence", "input", "none"],
  };
  const rank = (item, by) => (by in ranks ? String(ranks[by].indexOf(item[by])) : by === "place" ? JSON.stringify(item.place) : "");
  const sort = () => {
    const list = document.getElementById("claim-list");
    if (!list) return;
    const by = chosen("sort");
    const cards = [...list.children].map((e) => [rank(items.get(e.dataset.key), by), e.dataset.key, e]);
    cards.sort((a, b) => a[0].localeCompare(b[0], "nb", { numeric: true }) || (a[1] < b[1] ? -1 : 1));
    list.append(...cards.map((entry) => entry[2]));
  };

  // --- Figures.
  const show = (slider) => {
    const name = slider.dataset.slider;
    const figure = data.figures[name];
    const at = Number(slider.value);
    const label = tell(figure.labels[at]);
    const parts = figure.series.map((s) => {
      const value = s.values[at];
      const ends = s.low.length && s.low[at] !== null ? ` (${number(s.low[at], figure.decimals)} – ${number(s.high[at], figure.decimals)})` : "";
      const told = value === null ? word("missing") : number(value, figure.decimals) + ends;
      return figure.series.length > 1 ? `${tell(s.label)}: ${told}` : told;
    });
    const said = `${label}: ${parts.join("; ")}`;
    slider.setAttribute("aria-valuetext", said);
    document.querySelector(`[data-values="${name}"]`).textContent = said;
    const { lying, first, step, from, to } = figure.frame;
    const place = first + at * step;
    const svg = document.querySelector(`svg[data-figure="${name}"]`);
    svg.querySelector(".marker").setAttribute("d", lying ? `M${from} ${place + step / 2 - 1}H${to}` : `M${place} ${from}V${to}`);
  };
  const point = (svg, event) => {
    const { lying, first, step } = data.figures[svg.dataset.figure].frame;
    const box = svg.getBoundingClientRect();
    const view = svg.viewBox.baseVal;
    const place = lying ? (event.clientY - box.top) / box.height * view.height : (event.clientX - box.left) / box.width * view.width;
    const slider = document.querySelector(`[data-slider="${svg.dataset.figure}"]`);
    const last = Number(slider.max);
    slider.value = String(Math.min(last, Math.max(0, Math.round((place - first) / step))));
    show(slider);
  };
  const csv = (name) => {
    const figure = data.figures[name];
    const quote = (value) => (/[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
    const inert = (text) => (/^[=+\-@]/.test(text) ? `'${text}` : text);
    const head = ["label"];
    for (const s of figure.series) {
      head.push(tell(s.label) || tell(figure.unit));
      if (s.low.length) head.push(`${tell(s.label)} low`, `${tell(s.label)} high`);
    }
    const lines = [[...head, "unit", "data_origin"]];
    figure.labels.forEach((label, i) => {
      const line = [inert(tell(label))];
      for (const s of figure.series) {
        line.push(s.values[i] ?? "");
        if (s.low.length) line.push(s.low[i] ?? "", s.high[i] ?? "");
      }
      lines.push([...line, tell(figure.unit), figure.origin]);
    });
    return `${lines.map((line) => line.map(quote).join(",")).join("\n")}\n`;
  };
  const download = (name) => {
    const url = URL.createObjectURL(new Blob([csv(name)], { type: "text/csv" }));
    const link = make("a", "", { href: url, download: `${name}.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };

  // --- Keys and clicks.
  const move = (cell, key) => {
    const rows = all("tr", cell.closest("tbody"));
    const row = rows.indexOf(cell.closest("tr"));
    const column = cell.closest("td").cellIndex;
    const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key];
    for (let r = row + down, c = column + right; rows[r] && rows[r].cells[c]; r += down, c += right) {
      const next = rows[r].cells[c].querySelector("button.cell");
      if (next) { cell.tabIndex = -1; next.tabIndex = 0; next.focus(); return; }
    }
  };
  document.addEventListener("keydown", (event) => {
    const cell = event.target.closest && event.target.closest("table.audit button.cell");
    if (cell && event.key.startsWith("Arrow")) { event.preventDefault(); move(cell, event.key); }
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.lang) speak(button.dataset.lang);
    else if (button.dataset.csv) download(button.dataset.csv);
    else if (button.id === "close") detail.close();
    else if (button.id === "theme") {
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      remember("theme", root.dataset.theme);
    } else if (button.dataset.key) open(button.dataset.key);
  });
  detail.addEventListener("click", (event) => { if (event.target === detail) detail.close(); });
  for (const table of all("table.audit")) { const first = table.querySelector("button.cell"); if (first) first.tabIndex = 0; }
  for (const svg of all("svg[data-figure]")) svg.addEventListener("pointermove", (event) => point(svg, event));
  for (const slider of all("[data-slider]")) slider.addEventListener("input", () => show(slider));
  for (const block of all("[data-code]")) block.textContent = data.code[block.dataset.code].source;
  const tools = document.getElementById("tools");
  let waiting = 0;
  document.getElementById("search").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 120); });
  for (const name of ["verdict", "evidence", "chapter"]) document.getElementById(name).addEventListener("change", filter);
  document.getElementById("sort").addEventListener("change", sort);
  tools.addEventListener("submit", (event) => { event.preventDefault(); filter(); });
  tools.addEventListener("reset", () => setTimeout(() => { filter(); sort(); }));
  window.addEventListener("hashchange", follow);
  const theme = recall("theme");
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;
  const spoken = recall("lang");
  speak(spoken === "nb" || spoken === "en" ? spoken : root.lang);
  follow();
})();
