import { eventScores } from './event-score.js';

/** 100 points with ones at the given places. */
const at = (...points: number[]) => Uint8Array.from({ length: 100 }, (_, i) => (points.includes(i) ? 1 : 0));

describe('eventScores', () => {
  const labels = at(40, 41, 42, 80);

  it('counts a detection within seven points of an event', () => {
    const scores = eventScores(labels, at(33, 87));

    expect(scores).toMatchObject({ events: 2, eventsFound: 2, alarms: 2, precision: 1, recall: 1, f1: 1 });
    expect(scores.delay).toBe((-7 + 7) / 2);
  });

  it('counts one eight points away as false', () => {
    expect(eventScores(labels, at(32, 50, 80))).toMatchObject({ eventsFound: 1, precision: 1 / 3, recall: 1 / 2 });
  });

  it('does not call a detector that fires for ever precise', () => {
    const always = new Uint8Array(100).fill(1);

    // 17 points are near the first event, 15 near the second.
    expect(eventScores(labels, always)).toMatchObject({ recall: 1, precision: 0.32, alarms: 1 });
  });

  it('is zero for silence and undefined where nothing happens', () => {
    expect(eventScores(labels, at()).f1).toBe(0);
    expect(eventScores(at(), at()).f1).toBeNaN();
    expect(eventScores(at(), at(5)).f1).toBe(0);
  });
});
