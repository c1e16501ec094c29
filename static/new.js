/* The form of a new job: it says as code what is typed, formats JSON without changing a digit, and finds tasks.
   All of it only helps: the form, the list of tasks and the code work without. */
(() => {
  'use strict';
  const PAUSE_MS = 250;
  const touched = new Set();
  const form = () => document.getElementById('new-job');
  const field = id => document.getElementById(id);
  let timer = 0;

  /* The same as code, and what is wrong in fields that were left */

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(preview, PAUSE_MS);
  }
  function preview() {
    const target = document.getElementById('as-code'), url = form()?.dataset.preview;
    if (!target || !url) return;
    htmx.ajax('POST', url, { source: target, target, swap: 'outerMorph', values: { touched: [...touched].join(' ') } });
  }
  document.addEventListener('input', event => {
    if (form()?.contains(event.target)) soon();
    if (event.target.closest('[data-find]')) find(event.target.value);
  });
  document.addEventListener('change', event => {
    if (!form()?.contains(event.target) || !event.target.name) return;
    touched.add(event.target.name);
    soon();
    tellLocal();
  });
  /* An answer brings the messages; the inputs themselves stay as they are under the hands of who types. */
  document.addEventListener('htmx:after:swap', mark);
  function mark() {
    for (const box of document.querySelectorAll('#new-job .ferrs')) {
      const input = field(box.id.replace('error-', ''));
      if (!input) continue;
      if (box.dataset.isWrong === 'true') input.setAttribute('aria-invalid', 'true');
      else input.removeAttribute('aria-invalid');
    }
    tellLocal();
  }

  /* JSON: white space changes, nothing else. Numbers keep all their digits, which JSON.parse would not. */

  const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
  function formatted(text) {
    JSON.parse(text);   // throws where it is broken
    const tokens = text.match(TOKEN) ?? [];
    let depth = 0, out = '';
    const line = () => `\n${'  '.repeat(depth)}`;
    tokens.forEach((token, n) => {
      const next = tokens[n + 1], before = tokens[n - 1];
      if (token === '{' || token === '[') {
        depth += 1;
        out += next === '}' || next === ']' ? token : token + line();
      } else if (token === '}' || token === ']') {
        depth -= 1;
        out += before === '{' || before === '[' ? token : line() + token;
      } else out += token === ',' ? token + line() : token === ':' ? ': ' : token;
    });
    return out;
  }
  /* As if typed: it can be undone with Ctrl+Z, and the code follows. */
  function write(input, text) {
    input.focus();
    input.select();
    if (!document.execCommand('insertText', false, text)) {
      input.value = text;
      input.dispatchEvent(new Event('input', { bubbles: true }));
    }
    input.dispatchEvent(new Event('change', { bubbles: true }));
  }
  function format(input) {
    if (!input.value.trim()) return;
    let text = null;
    try { text = formatted(input.value); } catch { input.dispatchEvent(new Event('change', { bubbles: true })); }
    if (text !== null && text !== input.value) write(input, text);
  }
  /* Lines and columns count characters, a text area counts UTF-16 units. */
  function goTo(input, line, column) {
    const lines = input.value.split('\n');
    const at = lines.slice(0, line - 1).join('\n').length + (line > 1) + [...lines[line - 1] ?? ''].slice(0, column - 1).join('').length;
    input.focus();
    input.setSelectionRange(at, at + 1);
  }
  document.addEventListener('click', event => {
    const button = event.target.closest('button');
    if (button?.dataset.format) format(field(button.dataset.format));
    if (button?.dataset.example) write(field(button.dataset.for), button.dataset.example);
    if (button?.dataset.goto) goTo(field(button.dataset.goto), +button.dataset.line, +button.dataset.column);
  });

  /* Keys */

  document.addEventListener('keydown', event => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && form()?.contains(event.target)) {
      event.preventDefault();
      form().requestSubmit();
    }
    const finder = event.target.closest?.('[data-find]');
    if (finder && event.key === 'ArrowDown') {
      event.preventDefault();
      shown()[0]?.focus();
    }
    const link = event.target.closest?.('.pick a');
    if (link && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
      event.preventDefault();
      const links = shown(), next = links.indexOf(link) + (event.key === 'ArrowDown' ? 1 : -1);
      (links[next] ?? (next < 0 ? document.querySelector('[data-find] input') : link)).focus();
    }
  });
  document.addEventListener('submit', event => {
    if (!event.target.matches('[data-find]')) return;
    event.preventDefault();
    const first = shown()[0];
    if (first) location.href = first.href;
  });

  /* Tasks: the same search as the server's, over what is here */

  const shown = () => [...document.querySelectorAll('.pick a:not([hidden])')];
  function find(text) {
    const wanted = text.toLowerCase().trim();
    for (const link of document.querySelectorAll('.pick a')) link.hidden = !link.textContent.toLowerCase().includes(wanted);
    document.querySelector('.picker .none').hidden = shown().length > 0;
  }

  /* The start is in UTC; here is what that is where the reader is */

  function tellLocal() {
    for (const hint of document.querySelectorAll('[data-local]')) {
      const at = new Date(`${field(hint.dataset.local)?.value}Z`);
      const text = Number.isNaN(+at) ? '' : at.toLocaleString(document.documentElement.lang, { dateStyle: 'medium', timeStyle: 'short' });
      if (hint.textContent !== text) hint.textContent = text;
    }
  }
  document.addEventListener('DOMContentLoaded', () => {
    tellLocal();
    document.querySelector('.pick a[aria-current]')?.scrollIntoView({ block: 'nearest' });
    const box = document.querySelector('.picker .pick');
    if (box) scrollTo(0, 0);
    if (document.querySelector('[data-find] input')?.value) find(document.querySelector('[data-find] input').value);
  });
})();
