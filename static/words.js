/* What the scripts of a page share: its words in its language, and a few small helpers. Loaded before the others. */
(() => {
  'use strict';
  const given = JSON.parse(document.querySelector('meta[name=arqboard-words]')?.content || '{}');
  const rules = new Intl.PluralRules(document.documentElement.lang || 'en');
  const all = (selector, root = document) => root.querySelectorAll(selector);
  const setText = (el, text) => { if (el && el.textContent !== text) el.textContent = text; };
  /* A name turns none of the words around it (as directions.py has it): what would is shown, Hebrew and Arabic are isolated. */
  const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
  const FROM_THE_RIGHT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\ud802\ud803\ud83a\ud83b]/;
  function isolated(text) {
    const shown = String(text).replace(TURNS, found => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);
    return FROM_THE_RIGHT.test(shown) ? `\u2068${shown}\u2069` : shown;
  }
  /* `word('held', {n: 12})`: a word can have a form for each kind of number. */
  function word(name, values = {}) {
    const entry = given[name] ?? name;
    const text = typeof entry === 'string' ? entry : entry[rules.select(values.n)] ?? entry.other;
    return text.replace(/%\((\w+)\)s/g, (_, key) => isolated(values[key]));
  }
  /* What only this browser knows; one that keeps nothing behaves like a new one. */
  const store = {
    get(key, otherwise) { try { return JSON.parse(localStorage.getItem(`arqboard-${key}`)) ?? otherwise; } catch { return otherwise; } },
    set(key, value) { try { localStorage.setItem(`arqboard-${key}`, JSON.stringify(value)); } catch { /* full, or refused */ } },
  };
  /* One polite live region, heard at most every 5 s. What was not said yet gives way to what is newer, unless it must be heard. */
  let said = 0, saying = 0, news = '', owed = [];
  function say(text, isOwed = false) {
    if (isOwed) owed.push(text); else news = text;
    clearTimeout(saying);
    saying = setTimeout(() => {
      said = Date.now();
      setText(document.getElementById('announce'), [...owed, news].join(' ').trim());
      [news, owed] = ['', []];
    }, Math.max(0, said + 5000 - Date.now()));
  }
  window.arqboard = { all, setText, word, store, say };
})();
