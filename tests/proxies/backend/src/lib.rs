//! Nothing but the programs that `docs/deployment.md` shows: they are compiled here, where their
//! dependencies are.

#[cfg(doctest)]
#[doc = include_str!("../../../../docs/deployment.md")]
struct Deployment;
