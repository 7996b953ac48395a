// The log of the events of subscriptions, newest first.

import { h } from './dom.js';
import { choice } from './identity.js';
import { createStore, useStore } from './store.js';

const MAX_SHOWN = 1000; // older events are counted, not kept

const NO_EVENTS = { events: [], count: 0, isListening: false, isOpen: false };
const state = createStore(NO_EVENTS);

const update = (changes) => state.set({ ...state.get(), ...changes });

let caller = 0; // counts the callers

// The events were the previous caller's.
choice.subscribe(() => {
  caller += 1;
  state.set(NO_EVENTS);
});

/** The log of one subscription; `ended` is called once. */
export function eventLog(operation, ended) {
  const of = caller;
  let isOver = false;
  update({ isListening: true, isOpen: true });
  return {
    add(answer) {
      if (of !== caller) return;
      const { events, count } = state.get();
      const event = { number: count + 1, at: new Date(), operation, answer };
      update({ events: [event, ...events].slice(0, MAX_SHOWN), count: count + 1 });
    },
    end(reason, failed = false) {
      if (isOver) return;
      isOver = true;
      if (of === caller) update({ isListening: false });
      ended(reason, failed);
    },
  };
}

const clear = () => state.set({ ...NO_EVENTS, isListening: state.get().isListening, isOpen: state.get().isListening });

const CLOCK = { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hourCycle: 'h23' };
const time = (at) => at.toLocaleTimeString([], CLOCK);

/** What distinguishes an event at a glance: its data, else its errors. */
const preview = ({ data, errors }) => JSON.stringify(data ?? errors);

function Event({ event: { number, at, operation, answer } }) {
  return h('li', null,
    h('details', null,
      h('summary', null,
        h('span', { className: 'hallpass-event-number' }, number),
        h('time', { dateTime: at.toISOString() }, time(at)),
        operation && h('span', null, operation),
        h('code', { className: answer.errors ? 'failed' : undefined }, preview(answer))),
      h('pre', { tabIndex: 0 }, JSON.stringify(answer, null, 2))));
}

export function EventLog() {
  const { events, count, isListening, isOpen } = useStore(state);
  if (!isOpen) return null;
  const omitted = count > events.length ? `, the newest ${events.length} shown` : '';
  return h('section', { className: 'hallpass-panel', 'aria-label': 'Events' },
    h('header', null,
      h('h2', null, 'Events'),
      h('span', { role: 'status' }, `${count} received${omitted}${isListening ? ' · listening' : ''}`),
      h('button', { type: 'button', onClick: clear }, 'Clear')),
    h('ol', { className: 'hallpass-events', reversed: true }, events.map((event) => h(Event, { key: event.number, event }))));
}
