/* Keys: one stroke acts, `g` and another goes. Off in inputs and dialogs, and for who has switched them off. */
(() => {
  'use strict';
  const { all } = arqboard;
  const ROWS = 'main [role=row].job, main [data-row]';
  const GO_MS = 1500;
  let went = 0;

  const isOff = () => document.documentElement.dataset.keys === 'off';
  const isTyping = el => el.matches('input, textarea, select, [contenteditable]') && !el.matches('[type=checkbox], [type=radio]');
  const press = el => { el?.focus(); el?.click(); };
  const here = () => document.activeElement?.closest(ROWS);

  function move(step) {
    const rows = [...all(ROWS)].filter(row => row.checkVisibility()), at = rows.indexOf(here());
    const row = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step))];
    const link = row?.querySelector('.fn a[href], a[href]');
    link?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: 'nearest' });
  }
  /* The form of the row that has the focus, else of the page's own job. */
  function act(verb) {
    const root = here() ?? document.querySelector('[data-live^="hero:"]');
    press(root?.querySelector(`form[action$="/${verb}"] button:not([disabled])`));
  }
  function search() {
    const field = document.querySelector('main input[type=search]') ?? document.querySelector('.top input[type=search]');
    field?.focus();
    field?.select();
  }
  const say = (name, target = document) => target?.dispatchEvent(new CustomEvent(name, { bubbles: true }));

  const KEYS = {
    '/': search,
    '?': () => document.getElementById('keys')?.showModal(),
    j: () => move(1),
    k: () => move(-1),
    x: () => say('arqboard:select', here()),
    n: () => document.querySelector('.top [data-new]')?.click(),
    r: () => act('retry'),
    a: () => act('abort'),
    l: () => { const log = document.querySelector('main [data-follow]'); if (log) press(log); else say('arqboard:follow', document.querySelector('main [data-live^="log:"]')); },
    p: () => say('arqboard:pause'),
    t: () => document.querySelector('.top form.theme button')?.click(),
    g: () => { went = Date.now(); },
  };

  addEventListener('keydown', event => {
    if (event.key === 'k' && (event.metaKey || event.ctrlKey) && !event.altKey) {
      event.preventDefault();
      say('arqboard:palette');
      return;
    }
    if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || isOff()) return;
    if (isTyping(event.target) || document.querySelector('dialog[open]')) return;
    const place = Date.now() - went < GO_MS && document.querySelector(`.nav[data-key="${CSS.escape(event.key)}"]`);
    went = 0;
    const does = place ? () => place.click() : KEYS[event.key];
    if (!does) return;
    event.preventDefault();
    does();
  });
  addEventListener('click', event => {
    const opens = event.target.closest('[data-opens]');
    if (opens) document.getElementById(opens.dataset.opens)?.showModal();
    if (event.target.closest('[data-closes]') || event.target.matches('dialog.sheet')) event.target.closest('dialog')?.close();
  });
})();
