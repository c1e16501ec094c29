/* Questions before what can't be taken back: one designed dialog in place of the browser's own, for forms that htmx sends
   (hx-confirm) and for all others (data-confirm on the form or on the button). Without scripts the server asks. */
(() => {
  'use strict';
  const { setText, word } = arqboard;
  const dialog = () => document.getElementById('ask');
  const DANGER = '[action$="/delete"], [action$="/abort"], [action$="/discard"]';

  /* The question is its first sentence, what follows is why it matters. */
  function parts(question) {
    const end = question.indexOf('? ');
    return end < 0 ? [question, ''] : [question.slice(0, end + 1), question.slice(end + 2)];
  }
  const label = button => button?.dataset.label || button?.title || button?.textContent.trim() || word('go_on');

  /* Put a question into a dialog; returns its two answers. */
  function fill(el, question, answer, danger) {
    const yes = el.querySelector('[data-yes]'), [what, why] = parts(question);
    setText(el.querySelector('h2'), what);
    setText(el.querySelector('p'), why);
    setText(yes, answer);
    yes.className = `btn ${danger ? 'solid' : 'primary'}`;
    return [yes, el.querySelector('[data-no]')];
  }

  /* Whether the person says yes. Escape, the backdrop and Cancel say no; the focus goes back to where it was. A question
     that another one takes the place of is answered by what was clicked, or by No. */
  let answered = null;
  const settle = el => { answered?.(!el.open && el.returnValue === 'yes'); answered = null; };
  function ask(question, form, button) {
    const el = dialog(), danger = form.matches(DANGER) || Boolean(button?.matches('.danger'));
    const [yes, no] = fill(el, question, label(button), danger);
    settle(el);
    if (!el.open) el.showModal();
    el.returnValue = 'no';
    (danger ? no : yes).focus();   // one stroke of Enter must not be enough for what can't be taken back
    return new Promise(resolve => { answered = resolve; });
  }
  document.addEventListener('close', event => {   // it comes late: by then the next question may be open
    if (event.target === dialog() && !event.target.open) settle(event.target);
  }, true);

  arqboard.fillQuestion = fill;
  addEventListener('htmx:confirm', event => {
    const { ctx, issueRequest, dropRequest } = event.detail;
    if (!ctx?.confirm || !dialog()) return;
    event.preventDefault();
    const form = ctx.sourceElement, button = ctx.sourceEvent?.submitter ?? form.querySelector('button');
    ask(ctx.confirm, form, button).then(yes => (yes ? issueRequest() : dropRequest()));
  });

  const agreed = new WeakSet();
  document.addEventListener('submit', event => {
    const form = event.target, button = event.submitter;
    const question = button?.dataset.confirm ?? form.dataset.confirm;
    if (!question || !dialog() || agreed.delete(form)) return;
    event.preventDefault();
    event.stopImmediatePropagation();   // htmx has not seen it yet
    ask(question, form, button).then(yes => {
      if (!yes || !form.isConnected) return;
      agreed.add(form);
      form.requestSubmit(button?.isConnected ? button : null);
    });
  }, true);

  /* A dialog that an answer has filled opens; an answer to its form that does not fill it anew closes it. */
  const isGood = ctx => ctx.response?.status < 400 && !ctx.hx?.retarget;
  document.addEventListener('live:swapped', () => {
    for (const el of document.querySelectorAll('dialog[data-filled]')) if (el.childElementCount && !el.open) el.showModal();
  });
  addEventListener('htmx:after:request', event => {
    const { ctx } = event.detail, el = ctx?.sourceElement?.closest?.('dialog[data-filled]');
    if (!el || !isGood(ctx)) return;
    el.replaceChildren();   // at once: what is swapped next must not open it again
    el.close();
  });
  document.addEventListener('close', event => {
    if (event.target.matches('dialog[data-filled]')) event.target.replaceChildren();
  }, true);

  addEventListener('click', event => {
    if (event.target.matches('dialog.ask')) event.target.close('no');
  });
})();
