// One event again and again, at a rate.

import http from 'k6/http';

const body = open(__ENV.EVENT_FILE);
const users = Number(__ENV.USERS);

export const options = {
  scenarios: {
    arrivals: {
      executor: 'constant-arrival-rate',
      rate: Number(__ENV.RATE),
      duration: __ENV.DURATION,
      preAllocatedVUs: users,
      maxVUs: users,
    },
  },
  summaryTrendStats: ['med', 'p(99)', 'max'],
};

export default function () {
  http.post(__ENV.URL, body, { headers: { 'content-type': 'application/cloudevents+json' } });
}

export function handleSummary(data) {
  return { stdout: JSON.stringify(data.metrics) };
}
