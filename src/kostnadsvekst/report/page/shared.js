"use strict";
(() => {
  const root = document.documentElement;
  const data = JSON.parse(document.getElementById("data").textContent);
  const items = new Map(data.items.map((item) => [item.key, item]));
  const detail = document.getElementById("detail");
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const lang = () => root.lang;
  const tell = (text) => (text && typeof text === "object" ? text[lang()] : text || "");
  const word = (name) => tell(data.words[name]);
  const make = (tag, text = "", attributes = {}) => {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const remember = (name, value) => { try { localStorage.setItem(`kostnadsvekst-${name}`, value); } catch { /* not allowed */ } };
  const recall = (name) => { try { return localStorage.getItem(`kostnadsvekst-${name}`); } catch { return null; } };

  // Numbers as the report's languages write them.
  const number = (value, decimals) => {
    if (value === null || value === undefined) return "–";
    const [whole, rest] = Math.abs(value).toFixed(decimals).split(".");
    const nb = lang() === "nb";
    const grouped = whole.replace(/\B(?=(\d{3})+$)/g, nb ? "\u202f" : ",");
    return (value < 0 ? "\u2212" : "") + grouped + (rest ? (nb ? "," : ".") + rest : "");
  };
  const audited = (text) => (/^-?\d+(\.\d+)?$/.test(text)
    ? number(Number(text), (text.split(".")[1] || "").length) : text);

