// The built worker as one text; build.mjs makes it.
declare module "worker:*" {
  const source: string;
  export default source;
}
