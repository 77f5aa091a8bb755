  const write = (value, decimals) => (value === null || value === undefined ? "" : formulas.written(value, decimals, lang()));
  const textAt = (place) => tell(data.texts[place]);
  const warnings = () => data.banners.map((banner) => make("p", tell(banner), { class: "warning" }));

  // --- Cells and tables, of the data or computed.
  const cellText = (cell, column) => {
    if (Array.isArray(cell)) return textAt(cell[0]);
    if (cell === null || cell === undefined) return "";
    return column.decimals === null ? String(Number(cell.toPrecision(10))) : write(cell, column.decimals);
  };
  const header = (columns, more = []) => {
    const row = make("tr");
    for (const column of columns) row.append(make("th", tell(column.label), { scope: "col", ...(column.word ? { class: "word" } : {}) }));
    for (const text of more) row.append(make("th", text, { scope: "col" }));
    const head = make("thead");
    head.append(row);
    return head;
  };
  const scrolled = (table, label) => {
    const box = make("div", "", { class: "scroll", tabindex: "0", role: "group", "aria-label": label });
    box.append(table);
    return box;
  };
  const places = (table, names) => (names && names.length
    ? names.map((name) => table.columns.findIndex((column) => column.name === name)).filter((k) => k >= 0)
    : table.columns.map((_, k) => k));
  // Sums of the amounts in kroner of the rows shown.
  const sumRow = (table, rows, shown, more) => {
    const sums = shown.map((k) => (/_kr$/.test(table.columns[k].name) && table.columns[k].name !== "price_kr" ? k : -1));
    const known = (k) => rows.map((row) => table.rows[row][k]).filter((value) => typeof value === "number");
    if (rows.length < 2 || !sums.some((k) => k >= 0 && known(k).length)) return null;
    const line = make("tr", "", { class: "sum" });
    sums.forEach((k, at) => {
      const text = k >= 0 ? write(formulas.sum(known(k)), table.columns[k].decimals) : at ? "" : word("sum");
      line.append(make(at ? "td" : "th", text, at ? {} : { scope: "row" }));
    });
    for (let k = 0; k < more; k += 1) line.append(make("td"));
    return line;
  };
  const tableOf = (drill) => {
    const table = data.tables[drill.table];
    const shown = places(table, drill.columns);
    const isText = (k) => drill.rows.every((row) => typeof table.rows[row][k] !== "number");
    const opens = drill.rows.some((row) => (data.behind[drill.table] || {})[row]);
    const made = make("table", "", { class: "sheet" });
    made.append(header(shown.map((k) => ({ ...table.columns[k], word: isText(k) })), opens ? [word("behind")] : []));
    const body = make("tbody");
    for (const row of drill.rows) {
      const line = make("tr");
      shown.forEach((k, at) => {
        const text = cellText(table.rows[row][k], table.columns[k]);
        line.append(make(at ? "td" : "th", text, { ...(at ? {} : { scope: "row" }), ...(isText(k) ? { class: "word" } : {}) }));
      });
      if (opens) {
        const last = make("td");
        if ((data.behind[drill.table] || {})[row]) {
          last.append(make("button", word("behind"), { type: "button", "data-row": `${drill.table}:${row}` }));
        }
        line.append(last);
      }
      body.append(line);
    }
    const sum = sumRow(table, drill.rows, shown, opens ? 1 : 0);
    if (sum) body.append(sum);
    made.append(body);
    return scrolled(made, textAt(drill.title));
  };

  // --- What is behind a figure or a row: one view above the other, with a way back.
  const views = [];
  const factsOf = (key, row) => {
    const table = data.tables[key];
    const list = make("dl");
    table.columns.forEach((column, k) => {
      const text = cellText(table.rows[row][k], column);
      if (text) list.append(make("dt", tell(column.label)), make("dd", text === ":" ? `: (${word("hidden")})` : text));
    });
    return list;
  };
  const viewOf = (view) => {
    if (view.drill) {
      const drill = data.drills[view.drill];
      return { title: textAt(drill.title), parts: [tableOf(drill)] };
    }
    const parts = [factsOf(view.table, view.row)];
    for (const drill of data.behind[view.table][view.row]) {
      parts.push(make("h3", textAt(drill.title)), drill.rows.length ? tableOf(drill) : make("p", word("nothing")));
    }
    return { title: tell(data.tables[view.table].title), parts };
  };
  const fill = () => {
    const { title, parts } = viewOf(views[views.length - 1]);
    document.getElementById("detail-title").textContent = title;
    document.getElementById("back").hidden = views.length < 2;
    document.getElementById("detail-body").replaceChildren(...warnings(), ...parts);
    detail.scrollTop = 0;
  };
  const open = (view) => {
    views.push(view);
    fill();
    if (!detail.open) detail.showModal();
    else document.getElementById("back").focus();
  };
  const back = () => {
    views.pop();
    if (views.length) fill(); else detail.close();
  };
  detail.addEventListener("close", () => { views.length = 0; });

  // --- Marks of the figures.
  const tellMark = (mark) => {
    const svg = mark.closest("svg");
    document.querySelector(`[data-told="${svg.dataset.figure}"]`).textContent = mark.getAttribute("aria-label");
  };
  const marksOf = (svg) => all(".mark", svg);
  const step = (mark, by) => {
    const marks = marksOf(mark.closest("svg"));
    const next = marks[Math.min(marks.length - 1, Math.max(0, marks.indexOf(mark) + by))];
    mark.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  };

  // --- Trials: the same formulas with numbers of one's own.
  const state = new Map();
  const computed = (columns, rows, label) => {
    const table = make("table", "", { class: "sheet" });
    table.append(header(columns));
    const body = make("tbody");
    for (const row of rows) {
      const line = make("tr");
      row.forEach((cell, k) => {
        const e = make(k ? "td" : "th", "", { ...(k ? {} : { scope: "row" }), ...(columns[k].word ? { class: "word" } : {}) });
        if (cell instanceof Node) e.append(cell); else e.textContent = cell;
        line.append(e);
      });
      body.append(line);
    }
    table.append(body);
    return scrolled(table, label);
  };
  const column = (label, isWord = false) => ({ label, word: isWord });
  const field = (label, input) => {
    const made = make("label", label);
    made.append(input);
    return made;
  };
  const entry = (name, value, more = {}) => make("input", "", {
    type: "number", step: "any", min: "0", inputmode: "decimal", "data-field": name, value: String(value ?? ""), ...more });
  const read = (input) => (input.value === "" ? NaN : Number(input.value));
  const pick = (name, options, value) => {
    const made = make("select", "", { "data-field": name });
    for (const [key, text] of options) {
      const option = make("option", text, { value: String(key) });
      option.selected = String(key) === String(value);
      made.append(option);
    }
    return made;
  };
  const button = (label, name) => make("button", label, { type: "button", "data-do": name });
  const faulty = (text) => make("p", text, { class: "fault", role: "alert" });

  const fresh = (key) => {
    const given = data.trials[key];
    return given.steps
      ? { moves: given.moves.map((move) => ({ ...move })) }
      : { lines: given.lines.map((line) => ({ ...line })), weeks: given.weeks[0], factor: given.factor[0], alternative: null };
  };
  const stepName = (one) => `${one.step} ${tell(one.name)}`;
  const ladderForm = (box, key) => {
    const { steps } = data.trials[key];
    const priced = steps.filter((one) => one.price_kr !== null);
    const list = make("ol", "", { class: "moves" });
    state.get(key).moves.forEach((move, k) => {
      const item = make("li", "", { "data-move": String(k) });
      const options = priced.map((one) => [one.step, stepName(one)]);
      item.append(
        field(word("n"), entry("n", Number.isNaN(move.n) ? "" : move.n)), field(word("origin"), pick("origin", options, move.origin)),
        field(word("target"), pick("target", options, move.target)), button(word("remove"), "remove"),
        make("span", "", { class: "move-result" }));
      list.append(item);
    });
    const buttons = make("p");
    buttons.append(button(word("add"), "add"), " ", button(word("reset"), "reset"));
    box.replaceChildren(list, buttons, make("div", "", { class: "result", "aria-live": "polite" }));
  };
  const signed = (value, decimals) => (value > 0 ? "+" : "") + write(value, decimals);
  const markAfter = (name, steps) => {
    const svg = name && document.querySelector(`svg[data-figure="${name}"]`);
    if (!svg) return;
    for (const mark of all(".after", svg)) {
      const { after, zero, one, y } = mark.dataset;
      const x = Number(zero) + Number(one) * (steps ? steps[Number(after)].total_mnok : 0);
      mark.setAttribute("d", steps ? `M${x} ${Number(y) - 7}l5 7l-5 7l-5 -7Z` : "");
    }
  };
  const ladderResult = (box, key) => {
    const { steps, figure } = data.trials[key];
    const { moves } = state.get(key);
    const made = formulas.ladder(steps, moves);
    const faults = new Map(made.faults.map((one) => [one.move, one.fault]));
    all(".moves li", box).forEach((item, k) => {
      const fault = faults.get(k);
      item.querySelector("[data-field=n]").setAttribute("aria-invalid", String(Boolean(fault)));
      const said = fault ? faulty(word(`fault_${fault}`)) : make("span", `${signed(made.changes[k], 2)} ${word("kr")}`);
      item.querySelector(".move-result").replaceChildren(said);
    });
    const rows = made.steps.map((one, k) => {
      const before = steps[k];
      const price = before.price_kr === null ? "" : write(before.price_kr, 2);
      return [stepName(before), write(before.recipients, 0), write(one.recipients, 0), price, write(before.total_mnok, 4),
        write(one.total_mnok, 4), write(before.share_percent, 1), write(one.share_percent, 1)];
    });
    const columns = [column(word("step"), true)];
    for (const name of ["recipients", "price", "cost", "share"]) {
      columns.push(column(word(name)));
      if (name !== "price") columns.push(column(`${word(name)}, ${word("after")}`));
    }
    const outcome = make("p", `${word("change")}: ${signed(made.change_kr, 2)} ${word("kr")}`, { class: "outcome" });
    box.querySelector(".result").replaceChildren(outcome, computed(columns, rows, word("change")));
    markAfter(figure, moves.length > faults.size ? made.steps : null);
  };
  const priceName = (price) => [price.service, price.time, price.provision].map(tell).filter(Boolean).join(", ");
  const calculatorForm = (box, key) => {
    const given = data.trials[key];
    const now = state.get(key);
    const fields = make("div", "", { class: "fields" });
    for (const name of ["weeks", "factor"]) {
      const [, least, most] = given[name];
      fields.append(field(word(name), entry(name, now[name], { min: String(least), max: String(most) })));
    }
    fields.append(button(word("reset"), "reset"));
    const columns = [column(word("alternative"), true), column(word("service"), true), column(word("quantity")), column(word("unit"), true),
      column(word("price")), column(word("week")), column(word("year"))];
    const rows = now.lines.map((line, k) => {
      const price = given.prices[line.price];
      const input = entry("quantity", Number.isNaN(line.quantity) ? "" : line.quantity, { "data-line": String(k), "aria-label": `${word("quantity")}: ${priceName(price)}` });
      return [tell(line.alternative), priceName(price), input, tell(given.units[price.unit]), "", "", ""];
    });
    const names = [...new Set(now.lines.map((line) => line.alternative))].map((name) => [name, name]);
    const chosen = make("p");
    chosen.append(field(word("buys"), pick("alternative", names, now.alternative)));
    box.replaceChildren(fields, computed(columns, rows, word("quantity")),
      make("div", "", { class: "faults", "aria-live": "polite" }), make("div", "", { class: "sums", "aria-live": "polite" }), chosen,
      make("div", "", { class: "buys" }));
  };
  const outside = (given, now) => ["weeks", "factor"].filter((name) => {
    const [, least, most] = given[name];
    return !(now[name] >= least && now[name] <= most);
  });
  const calculatorResult = (box, key) => {
    const given = data.trials[key];
    const now = state.get(key);
    const beyond = outside(given, now);
    for (const name of ["weeks", "factor"]) {
      box.querySelector(`[data-field=${name}]`).setAttribute("aria-invalid", String(beyond.includes(name)));
    }
    const told = beyond.map((name) => faulty(
      `${word(name)}: ${word("fault_bounds")} ${write(given[name][1], 1)} ${word("and")} ${write(given[name][2], 1)}.`));
    const made = beyond.length ? null : formulas.packages(now.lines, given.prices, now.weeks, now.factor);
    const wrong = new Set(made ? made.faults.map((one) => one.line) : []);
    if (wrong.size) told.push(faulty(word("fault_quantity")));
    box.querySelector(".faults").replaceChildren(...told);
    all("[data-line]", box).forEach((input, k) => {
      input.setAttribute("aria-invalid", String(wrong.has(k)));
      const cells = input.closest("tr").cells;
      const line = made && !wrong.has(k) ? made.lines[k] : null;
      ["price_kr", "kr_per_week", "kr_per_year"].forEach((name, at) => { cells[4 + at].textContent = line ? write(line[name], 2) : ""; });
    });
    const bad = new Set(now.lines.filter((_, k) => wrong.has(k)).map((line) => line.alternative));
    const sums = made ? made.sums.filter((one) => !bad.has(one.alternative)) : [];
    const rows = sums.map((one) => [tell(one.alternative), write(one.kr_per_week, 2), write(one.kr_per_year, 2)]);
    box.querySelector(".sums").replaceChildren(make("h3", word("sums")),
      computed([column(word("alternative"), true), column(word("week")), column(word("year"))], rows, word("sums")));
    const chosen = box.querySelector("[data-field=alternative]").value;
    const sum = sums.find((one) => String(one.alternative) === chosen);
    const bought = sum ? formulas.equivalents(sum.kr_per_year, given.prices, now.weeks, now.factor) : [];
    const others = bought.map((value, k) => [priceName(given.prices[k]), write(value, 2), tell(given.units[given.prices[k].unit])]);
    box.querySelector(".buys").replaceChildren(
      computed([column(word("service"), true), column(word("quantity")), column(word("unit"), true)], others, word("buys")));
  };
  const trialOf = (e) => e.closest("[data-trial]");
  const renew = (trial, form = true) => {
    const { key } = trial.dataset;
    const box = trial.querySelector(".trial-body");
    const ladder = trial.dataset.trial === "ladder";
    if (form) (ladder ? ladderForm : calculatorForm)(box, key);
    (ladder ? ladderResult : calculatorResult)(box, key);
  };
  const change = (input) => {
    const trial = trialOf(input);
    const now = state.get(trial.dataset.key);
    const name = input.dataset.field;
    if (trial.dataset.trial === "ladder") now.moves[Number(input.closest("[data-move]").dataset.move)][name] = read(input);
    else if (name === "quantity") now.lines[Number(input.dataset.line)].quantity = read(input);
    else if (name === "alternative") now.alternative = input.value;
    else now[name] = read(input);
    renew(trial, false);
  };
  const act = (pressed) => {
    const trial = trialOf(pressed);
    const { key } = trial.dataset;
    const now = state.get(key);
    if (pressed.dataset.do === "reset") state.set(key, fresh(key));
    else if (pressed.dataset.do === "remove") now.moves.splice(Number(pressed.closest("[data-move]").dataset.move), 1);
    else {
      const priced = data.trials[key].steps.filter((one) => one.price_kr !== null);
      now.moves.push({ n: 1, origin: priced[priced.length - 1].step, target: priced[0].step });
    }
    renew(trial);
    const next = trial.querySelector(pressed.dataset.do === "add" ? ".moves li:last-child [data-field=n]" : `[data-do=${pressed.dataset.do}], [data-do=add]`);
    if (next) next.focus();
  };

  // --- Tables as files.
  const csv = (key) => {
    const table = data.tables[key];
    const quote = (value) => (/[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
    const inert = (text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
    const origin = tell(data.origin);
    const plainCell = (cell) => (Array.isArray(cell) ? inert(textAt(cell[0])) : cell ?? "");
    const lines = [[...table.columns.map((one) => tell(one.label)), ...(origin ? ["data_origin"] : [])]];
    for (const row of table.rows) lines.push([...row.map(plainCell), ...(origin ? [origin] : [])]);
    return `${lines.map((line) => line.map(quote).join(",")).join("\n")}\n`;
  };
  const download = (key) => {
    const url = URL.createObjectURL(new Blob([csv(key)], { type: "text/csv" }));
    make("a", "", { href: url, download: `${key}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };

  // --- Languages, keys and clicks.
  const speak = (chosen) => {
    root.lang = chosen;
    if (root.dataset.titleNb) {
      const key = chosen === "nb" ? "Nb" : "En";
      document.title = root.dataset[`title${key}`];
      for (const e of all("[data-text-nb]")) e.textContent = e.dataset[`text${key}`];
      for (const e of all("[data-label-nb]")) e.setAttribute("aria-label", e.dataset[`label${key}`]);
    }
    for (const e of all("[data-lang]")) e.setAttribute("aria-pressed", String(e.dataset.lang === chosen));
    for (const e of all("[data-told]")) e.textContent = "";
    for (const trial of all("[data-trial]")) renew(trial);
    if (detail.open) fill();
    remember("lang", chosen);
  };
  const openFrom = (e) => {
    const [table, row] = e.dataset.row.split(":");
    open({ table, row: Number(row) });
  };
  document.addEventListener("keydown", (event) => {
    const mark = event.target.closest && event.target.closest(".mark");
    if (!mark) return;
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (by) { event.preventDefault(); step(mark, by); }
    else if ((event.key === "Enter" || event.key === " ") && mark.dataset.opens) { event.preventDefault(); open({ drill: mark.dataset.opens }); }
  });
  document.addEventListener("click", (event) => {
    const mark = event.target.closest(".mark[data-opens]");
    if (mark) { open({ drill: mark.dataset.opens }); return; }
    const pressed = event.target.closest("button");
    if (!pressed) return;
    if (pressed.dataset.lang) speak(pressed.dataset.lang);
    else if (pressed.dataset.csv) download(pressed.dataset.csv);
    else if (pressed.dataset.row) openFrom(pressed);
    else if (pressed.dataset.do) act(pressed);
    else if (pressed.id === "close") detail.close();
    else if (pressed.id === "back") back();
    else if (pressed.id === "theme") {
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      remember("theme", root.dataset.theme);
    }
  });
  detail.addEventListener("click", (event) => { if (event.target === detail) detail.close(); });
  for (const mark of all(".mark")) {
    mark.addEventListener("pointerenter", () => tellMark(mark));
    mark.addEventListener("focus", () => tellMark(mark));
  }
  for (const list of all("[data-choice]")) {
    list.addEventListener("change", () => {
      for (const e of all(`[data-option="${list.dataset.choice}"]`)) e.hidden = e.dataset.number !== list.value;
    });
  }
  document.addEventListener("input", (event) => { if (event.target.dataset.field) change(event.target); });
  for (const trial of all("[data-trial]")) state.set(trial.dataset.key, fresh(trial.dataset.key));
  const theme = recall("theme");
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;
  const spoken = recall("lang");
  speak(data.languages.includes(spoken) && data.languages.length > 1 ? spoken : root.lang);
})();
