"use strict";
// What the page computes itself. The same operations in the same order as the package's: the sums are equal to
// the last bit, and what is written is equal in every digit.
const formulas = (() => {
  // Sum without error of rounding until the end (Shewchuk 1997), as Python's math.fsum.
  const sum = (values) => {
    const partials = [];
    for (let x of values) {
      let kept = 0;
      for (let i = 0; i < partials.length; i += 1) {
        let y = partials[i];
        if (Math.abs(x) < Math.abs(y)) [x, y] = [y, x];
        const high = x + y;
        const low = y - (high - x);
        if (low) { partials[kept] = low; kept += 1; }
        x = high;
      }
      partials.length = kept;
      partials.push(x);
    }
    let at = partials.length;
    if (!at) return 0;
    at -= 1;
    let high = partials[at];
    let low = 0;
    while (at > 0) {
      const x = high;
      at -= 1;
      high = x + partials[at];
      low = partials[at] - (high - x);
      if (low) break;
    }
    if (at > 0 && low * partials[at - 1] > 0) {
      const twice = low * 2;
      const other = high + twice;
      if (twice === other - high) high = other;
    }
    return high;
  };

  // Number in the signs of a language, half to even on its shortest decimals.
  const written = (value, decimals, lang) => {
    if (value === null || value === undefined || Number.isNaN(value)) return "..";
    if (!Number.isFinite(value)) return `${value < 0 ? "\u2212" : ""}\u221e`;
    const [mantissa, power = "0"] = String(Math.abs(value)).split("e");
    const [whole, rest = ""] = mantissa.split(".");
    const point = whole.length + Number(power) + decimals;
    const digits = "0".repeat(Math.max(0, -point)) + whole + rest;
    const cut = Math.max(0, point);
    let kept = BigInt(digits.slice(0, cut).padEnd(cut, "0") || "0");
    const left = digits.slice(cut).replace(/0+$/, "");
    if (left > "5" || (left === "5" && kept % 2n === 1n)) kept += 1n;
    const text = String(kept).padStart(decimals + 1, "0");
    const nb = lang === "nb";
    const grouped = text.slice(0, text.length - decimals).replace(/\B(?=(\d{3})+$)/g, nb ? "\u202f" : ",");
    const behind = decimals ? (nb ? "," : ".") + text.slice(text.length - decimals) : "";
    return (value < 0 && kept > 0n ? "\u2212" : "") + grouped + behind;
  };

  const MILLION = 1000000;
  const number = (value) => typeof value === "number" && Number.isFinite(value);
  const faultOfMove = (ladder, move) => {
    const place = (step) => ladder.findIndex((one) => one.step === step);
    const [origin, target] = [place(move.origin), place(move.target)];
    if (!number(move.n) || move.n < 0) return "n";
    if (origin < 0 || target < 0) return "step";
    if (!number(ladder[origin].price_kr) || !number(ladder[target].price_kr)) return "price";
    return move.n > ladder[origin].recipients ? "many" : "";
  };
  // One move: n × (price of the target − price of the origin).
  const moved = (ladder, move) => {
    const after = ladder.map((one) => ({ ...one, total_kr: one.total_mnok * MILLION }));
    const at = (step) => after.find((one) => one.step === step);
    for (const [step, change] of [[move.origin, -move.n], [move.target, move.n]]) {
      at(step).recipients += change;
      at(step).total_kr += change * at(step).price_kr;
    }
    const whole = sum(after.map((one) => one.total_kr));
    const change_kr = move.n * (at(move.target).price_kr - at(move.origin).price_kr);
    const steps = after.map(({ total_kr, ...one }) => (
      { ...one, total_mnok: total_kr / MILLION, share_percent: (100 * total_kr) / whole }));
    return { steps, change_kr, total_mnok: whole / MILLION };
  };
  // All moves, one after the other; those that cannot be made are named by their place and left out.
  const ladder = (steps, moves) => {
    let now = steps;
    const changes = [];
    const faults = [];
    moves.forEach((move, k) => {
      const fault = faultOfMove(now, move);
      if (fault) { faults.push({ move: k, fault }); changes.push(null); return; }
      const made = moved(now, move);
      now = made.steps;
      changes.push(made.change_kr);
    });
    const known = changes.filter((one) => one !== null);
    return { steps: now, changes, faults, change_kr: sum(known) };
  };

  const perQuantity = (unit, weeks) => ({ hour: weeks, place: 0.01, day: 1, call_out: 1 })[unit];
  const used = (price, factor) => price.price_kr * factor;
  // Lines of packages; a line without a quantity, or with a negative one, is a fault and costs nothing.
  const packages = (lines, prices, weeks, factor) => {
    const faults = [];
    const costed = lines.map((line, k) => {
      const price = prices[line.price];
      const good = number(line.quantity) && line.quantity >= 0;
      if (!good) faults.push({ line: k, fault: "quantity" });
      const kr_per_year = good ? used(price, factor) * line.quantity * perQuantity(price.unit, weeks) : 0;
      return { ...line, price_kr: used(price, factor), kr_per_week: kr_per_year / weeks, kr_per_year };
    });
    const names = [...new Set(lines.map((line) => line.alternative))];
    const sums = names.map((alternative) => {
      const kr_per_year = sum(costed.filter((one) => one.alternative === alternative).map((one) => one.kr_per_year));
      return { alternative, kr_per_week: kr_per_year / weeks, kr_per_year };
    });
    return { lines: costed, sums, faults };
  };
  // What a sum of a year buys of each price, as a line has it.
  const equivalents = (total, prices, weeks, factor) => prices.map(
    (price) => total / used(price, factor) / perQuantity(price.unit, weeks));

  return { sum, written, ladder, packages, equivalents };
})();
