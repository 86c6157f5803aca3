/// What a node does with sessions that it does not know while the store is away.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum OnOutage {
    /// It answers with 503. Sessions that are known, and WebSockets, go on.
    #[default]
    Refuse,
    /// It opens them without a claim, and claims them when the store is back.
    ///
    /// This is for load balancers with affinity. Without affinity, two nodes open the same session, and
    /// the client takes that for an error.
    ServeLocally,
}
