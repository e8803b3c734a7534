// supercluster.min.js puts `Supercluster` into the global scope: see js/types.d.ts.
export {};
