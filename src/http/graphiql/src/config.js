/** What the server wrote into the page: addresses, and the demonstration accounts if it is a demo. */
export const config = {
  endpoint: '/graphql',
  socket: '/graphql/ws',
  demo: [],
  demoPassword: null,
  ...JSON.parse(document.getElementById('sesame-config')?.textContent ?? '{}'),
};
