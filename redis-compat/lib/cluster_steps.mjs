// For the cluster classes: where the nodes are, and the run in which one of them dies.

export const nodes = process.env.COMPAT_NODES.split(' ').map((address) => {
  const [host, port] = address.split(':');
  return { host, port: Number(port) };
});
export const mode = process.argv[2];

// One operation after another until the time is over: writes a key and reads it back.
export async function death(set, get) {
  const end = Date.now() + 1000 * Number(process.env.COMPAT_SECONDS);
  let operations = 0;
  let errors = 0;
  let longest = 0;
  let last = '';
  for (let i = 0; Date.now() < end; ++i) {
    const key = `death:${process.env.COMPAT_CLIENT}:${i % 200}`;
    const began = Date.now();
    try {
      await set(key, String(i));
      const value = await get(key);
      if (value !== String(i)) throw new Error(`read ${value}, wrote ${i}`);
    } catch (error) {
      ++errors;
      last = String(error?.message ?? error).replace(/\s+/g, ' ');
    }
    operations += 2;
    longest = Math.max(longest, Date.now() - began);
  }
  console.log(`death ${operations} ${errors} ${longest} ${last}`);
}
