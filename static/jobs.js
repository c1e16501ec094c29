/* The search field of the list: suggestions from the server, by keyboard too; chips that can be edited; filters that
   apply at once. Without this script the form works by its button. */
(() => {
  'use strict';
  const QUIET_MS = 120;
  let timer = 0, asked = 0;
  const field = () => document.getElementById('add');
  const box = () => document.getElementById('suggestions');
  const options = () => [...box().querySelectorAll('[role=option]')];

  /* Suggestions */

  function close() {
    clearTimeout(timer);
    asked++;
    box().hidden = true;
    field().setAttribute('aria-expanded', 'false');
    field().removeAttribute('aria-activedescendant');
  }
  function choose(option) {
    for (const other of options()) other.setAttribute('aria-selected', String(other === option));
    if (option) field().setAttribute('aria-activedescendant', option.id); else field().removeAttribute('aria-activedescendant');
    option?.scrollIntoView({ block: 'nearest' });
  }
  async function ask() {
    const number = ++asked, form = new FormData(field().form);
    const about = new URLSearchParams({ add: field().value, function: form.get('function') ?? '' });
    const answer = await fetch(`${field().dataset.suggest}?${about}`, { headers: { Accept: 'text/html' } }).catch(() => null);
    const html = answer?.ok ? await answer.text() : '';
    if (number !== asked || document.activeElement !== field()) return;
    box().innerHTML = html;   // made by the server from its own template, escaped there
    if (!options().length) { close(); return; }
    place();
    box().hidden = false;
    field().setAttribute('aria-expanded', 'true');
  }
  function place() {
    const at = field().getBoundingClientRect(), card = box().offsetParent?.getBoundingClientRect() ?? { left: 0, top: 0, width: innerWidth };
    box().style.left = `${Math.max(8, Math.min(at.left - card.left - 8, card.width - box().offsetWidth - 8))}px`;
    box().style.top = `${at.bottom - card.top + 8}px`;
  }
  function take(option) {
    field().value = option.dataset.value;
    field().focus();
    if (option.dataset.value.endsWith(':')) { ask(); return; }
    close();
    if (option.hasAttribute('data-done')) field().form.requestSubmit();
  }
  document.addEventListener('input', event => {
    if (event.target.id !== 'add') return;
    clearTimeout(timer);
    timer = setTimeout(ask, QUIET_MS);
  });
  addEventListener('resize', () => { if (box()?.hidden === false) place(); });
  document.addEventListener('focusin', event => { if (event.target.id === 'add' && !event.target.value) ask(); });
  document.addEventListener('focusout', event => { if (event.target.id === 'add') close(); });
  document.addEventListener('pointerdown', event => {   // not click: by then the field has lost its focus
    const option = event.target.closest?.('#suggestions [role=option]');
    if (option) { event.preventDefault(); take(option); }
  });

  /* Keys in the field */

  document.addEventListener('keydown', event => {
    if (event.target.id !== 'add' || event.isComposing) return;
    const shown = options(), is_open = !box().hidden, now = shown.findIndex(o => o.getAttribute('aria-selected') === 'true');
    if (event.key === 'ArrowDown' && !is_open) ask();
    else if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && is_open) {
      const step = event.key === 'ArrowDown' ? 1 : -1;
      choose(shown[now < 0 && step < 0 ? shown.length - 1 : (now + step + shown.length) % shown.length]);
    }
    else if ((event.key === 'Enter' || event.key === 'Tab') && is_open && now >= 0 && !event.shiftKey) take(shown[now]);
    else if (event.key === 'Escape' && is_open) close();
    else if (event.key === 'Backspace' && !field().value) { if (!edit()) return; }
    else return;
    event.preventDefault();
  });

  /* Backspace in the empty field takes the last chip back as text */

  function edit() {
    const last = [...document.querySelectorAll('.finder .chip a[data-term]')].at(-1);
    if (!last) return false;
    const text = last.dataset.term, q = field().form.elements.q;
    q.value = new URL(last.href).searchParams.get('q') ?? '';
    last.closest('.chip').remove();
    field().value = text;
    return true;
  }

  /* Filters apply at once. What was typed has become a chip: morphing would leave it in the field too. */

  document.addEventListener('change', event => {
    if (event.target.matches?.('[data-submits]')) event.target.form.requestSubmit();
  });
  document.addEventListener('submit', event => { if (event.target.id === 'find') close(); });
  document.addEventListener('htmx:after:swap', event => {   // not of a live part, which says nothing of what was sent
    if (event.detail.ctx?.sourceElement?.id === 'find' && field()) field().value = field().defaultValue;
  });

  /* Menus close like menus do */

  const menus = () => document.querySelectorAll('details.menu[open]');
  document.addEventListener('click', event => { for (const menu of menus()) if (!menu.contains(event.target)) menu.open = false; });
  document.addEventListener('keydown', event => {
    if (event.key !== 'Escape') return;
    for (const menu of menus()) { menu.open = false; menu.querySelector('summary').focus(); }
  });
})();
