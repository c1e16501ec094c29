/* Selected rows: a range with Shift, the whole page by the head, `x` by the keyboard. The boxes are ordinary ones of the
   form #bulk, so they keep what is ticked while rows change, and work without this. */
(() => {
  'use strict';
  const { all, setText, word } = arqboard;
  const BOXES = '.c-sel input[name=id]';
  let last = null, under = '';

  const form = () => document.getElementById('bulk');
  const boxes = () => [...all(BOXES)];
  const ticked = () => all(`${BOXES}:checked`).length;
  const everything = () => form()?.elements.all;
  /* Which list this is, wherever it is scrolled to. */
  const list = () => `${location.pathname}${location.search}`;

  function show() {
    const some = ticked(), here = boxes(), head = document.querySelector('.jhead [data-page]');
    if (head) {
      head.checked = some > 0 && some === here.length;
      head.indeterminate = some > 0 && some < here.length;
    }
    if (!form()) return;
    if (!some && everything()?.checked) everything().checked = false;   // its bar is gone, and what it would act on
    const label = form().querySelector('[data-everything]').textContent;
    setText(form().querySelector('[data-count]'), everything()?.checked ? label : word('selected', { n: some }));
    for (const button of all('[data-question]', form())) {
      if (everything()?.checked) delete button.dataset.confirm;         // the server asks, with the number
      else button.dataset.confirm = word(button.dataset.question, { n: some });
    }
  }
  function clear() {
    for (const box of boxes()) box.checked = false;
    if (everything()) everything().checked = false;
    last = null;
    show();
  }
  function range(from, to) {
    const here = boxes(), [a, b] = [here.indexOf(from), here.indexOf(to)].sort((x, y) => x - y);
    if (a < 0) return;
    for (const box of here.slice(a, b + 1)) box.checked = to.checked;
  }
  function tick(box, event) {
    if (event?.shiftKey && last?.isConnected && last !== box) range(last, box);
    last = box;
    show();
  }

  document.addEventListener('click', event => {
    const box = event.target.closest(BOXES);
    if (box) tick(box, event);
    if (event.target.closest('[data-unselect]')) clear();
    const cancel = event.target.closest('dialog [data-closes-asked]');
    if (cancel) {
      event.preventDefault();
      cancel.closest('dialog').close();
    }
  });
  document.addEventListener('change', event => {
    if (event.target.matches('.jhead [data-page]')) {
      for (const box of boxes()) box.checked = event.target.checked;
      last = null;
    }
    if (event.target.closest('.c-sel, #bulk')) show();
  });
  document.addEventListener('arqboard:select', event => {
    const box = event.target.closest('[role=row]')?.querySelector(BOXES);
    if (!box) return;
    box.checked = !box.checked;
    tick(box);
  });
  document.addEventListener('keydown', event => {
    if (event.key === 'Escape' && ticked() && !document.querySelector('dialog[open], :popover-open')) clear();
  });

  /* Another list begins with nothing selected; the same one keeps what is. What was acted on is done with. */
  document.addEventListener('live:swapped', () => {
    if (under !== list()) { under = list(); clear(); }
    else show();
    const note = document.querySelector('#toasts [data-refreshes]');
    if (note) {
      note.removeAttribute('data-refreshes');
      document.getElementById('jobs')?.dispatchEvent(new CustomEvent('live:refresh'));
    }
  });
  addEventListener('htmx:after:request', event => {
    const { ctx } = event.detail;
    if (ctx?.sourceElement?.closest?.('#bulk, #bulk-ask') && ctx.response.status < 400 && !ctx.hx?.retarget) clear();
  }, true);   // before the dialog is emptied
  document.addEventListener('DOMContentLoaded', () => { under = list(); show(); });
  addEventListener('pageshow', show);   // a page from the cache has its boxes as they were
})();
