use std::collections::HashMap;

use crate::application::Refusal;
use crate::content::Content;
use crate::limits::Limits;

/// The open transactions of a session: messages that are sent at COMMIT, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Transactions {
    limits: Limits,
    open: HashMap<String, Vec<(String, Content)>>,
    size: usize,
}

impl Transactions {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            open: HashMap::new(),
            size: 0,
        }
    }

    pub(crate) fn begin(&mut self, name: &str) -> Result<(), Refusal> {
        if self.open.contains_key(name) {
            return Err(Refusal::new("the transaction is open already"));
        }
        if self.open.len() == self.limits.transactions {
            return Err(Refusal::new("too many transactions"));
        }
        self.open.insert(name.to_owned(), Vec::new());
        Ok(())
    }

    pub(crate) fn push(
        &mut self,
        name: &str,
        destination: String,
        content: Content,
    ) -> Result<(), Refusal> {
        let messages = self.open.get_mut(name).ok_or_else(unknown)?;
        self.size += size(&destination, &content);
        if self.size > self.limits.transaction_size {
            return Err(Refusal::new("too much in open transactions"));
        }
        messages.push((destination, content));
        Ok(())
    }

    /// Ends a transaction, and returns its destinations and messages.
    pub(crate) fn end(&mut self, name: &str) -> Result<Vec<(String, Content)>, Refusal> {
        let messages = self.open.remove(name).ok_or_else(unknown)?;
        let freed: usize = messages.iter().map(|(to, content)| size(to, content)).sum();
        self.size -= freed;
        Ok(messages)
    }
}

fn size(destination: &str, content: &Content) -> usize {
    destination.len() + content.size()
}

fn unknown() -> Refusal {
    Refusal::new("no such transaction")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_are_limited_in_number_and_size() {
        let limits = Limits {
            transactions: 2,
            transaction_size: 1000,
            ..Limits::DEFAULT
        };
        let mut transactions = Transactions::new(limits);
        let push = |transactions: &mut Transactions, name: &str| {
            let content = Content::new("x".repeat(270));
            transactions.push(name, "/t".to_owned(), content)
        };
        assert_eq!(transactions.begin("a"), Ok(()));
        assert_eq!(transactions.begin("b"), Ok(()));
        assert_eq!(
            transactions.begin("c"),
            Err(Refusal::new("too many transactions"))
        );
        assert_eq!(push(&mut transactions, "a"), Ok(()));
        assert_eq!(push(&mut transactions, "b"), Ok(()));
        assert_eq!(transactions.end("a").map(|messages| messages.len()), Ok(1));
        assert_eq!(push(&mut transactions, "b"), Ok(()));
        assert_eq!(
            push(&mut transactions, "b"),
            Err(Refusal::new("too much in open transactions"))
        );
        assert_eq!(push(&mut transactions, "a"), Err(unknown()));
    }
}
