//! Frames: a message of any size as payloads of notifications, whose size PostgreSQL limits.
//!
//! A frame is a line with the id of the message, its index and their number, and then a part of the text. All frames
//! of a message are sent in one transaction, so that they arrive together, in order. The id keeps PostgreSQL from
//! merging equal notifications of one transaction.

use hallpass_data::MAX_PAYLOAD_BYTES;

/// Text of one frame, in bytes. The rest of a payload is for the line before it.
const TEXT_BYTES: usize = MAX_PAYLOAD_BYTES - 99;
/// Frames of one message: more than a megabyte, far beyond the messages of nodes. It bounds the memory of a receiver.
const MAX_FRAMES: usize = 150;

/// The frames of `message`, whose `id` is unique; none if it is too large.
pub(super) fn split(id: &str, message: &str) -> Option<Vec<String>> {
    let mut texts = Vec::new();
    let mut rest = message;
    while texts.is_empty() || !rest.is_empty() {
        let (text, after) = rest.split_at(rest.floor_char_boundary(TEXT_BYTES));
        texts.push(text);
        rest = after;
    }
    let count = texts.len();
    let frame = |(index, text)| format!("{id} {index} {count}\n{text}");
    (count <= MAX_FRAMES).then(|| texts.into_iter().enumerate().map(frame).collect())
}

/// Joins the frames of one topic.
#[derive(Default)]
pub(super) struct Joiner {
    /// The message whose last frames are missing.
    partial: Option<Partial>,
}

struct Partial {
    id: String,
    next: usize,
    count: usize,
    text: String,
}

impl Joiner {
    /// Adds a frame, and returns the message that it completes. Frames that belong to no message are ignored: servers
    /// send none, and any client of the database could.
    pub(super) fn push(&mut self, frame: &str) -> Option<String> {
        let partial = self.partial.take();
        let (line, text) = frame.split_once('\n')?;
        let mut words = line.split(' ');
        let (id, index, count) = (words.next()?, words.next()?, words.next()?);
        let (index, count): (usize, usize) = (index.parse().ok()?, count.parse().ok()?);
        let partial = match partial {
            _ if count > MAX_FRAMES => return None,
            _ if index == 0 => Partial { id: id.to_owned(), next: 1, count, text: text.to_owned() },
            Some(mut partial)
                if (&*partial.id, partial.next, partial.count) == (id, index, count) =>
            {
                partial.text.push_str(text);
                partial.next += 1;
                partial
            }
            _ => return None,
        };
        if partial.next >= partial.count {
            return Some(partial.text);
        }
        self.partial = Some(partial);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(joiner: &mut Joiner, frames: &[String]) -> Vec<String> {
        frames.iter().filter_map(|frame| joiner.push(frame)).collect()
    }

    #[test]
    fn message_of_any_size_is_joined() {
        for size in [0, 1, TEXT_BYTES - 1, TEXT_BYTES, TEXT_BYTES + 1, 50_000] {
            for text in ["a", "é", "🎫"] {
                let message = text.repeat(size / text.len()) + "\n1 2\n";
                let frames = split("0123456789abcdef0123456789abcdef-1f", &message).unwrap();
                assert!(frames.iter().all(|frame| frame.len() <= MAX_PAYLOAD_BYTES));
                assert_eq!(joined(&mut Joiner::default(), &frames), [message]);
            }
        }
        assert_eq!(split("id", &"a".repeat(MAX_FRAMES * TEXT_BYTES)).unwrap().len(), MAX_FRAMES);
        assert_eq!(split("id", &"a".repeat(MAX_FRAMES * TEXT_BYTES + 1)), None);
    }

    #[test]
    fn foreign_frames_are_ignored() {
        let long = "a".repeat(20_000);
        let frames = split("one", &long).unwrap();
        let mut joiner = Joiner::default();
        for foreign in ["", "gap", "one 1 3\nx", "one\n", "one 0 x\n", "one 1 1 1\n", "a 0 9999\nx"]
        {
            assert_eq!(joiner.push(foreign), None, "{foreign}");
        }
        let [first, second, third] = &*frames else { panic!("{} frames", frames.len()) };
        for rest in [[second, third], [third, second], [first, third], [second, second]] {
            assert_eq!(joiner.push(first), None);
            assert_eq!(joiner.push("two 1 3\nx"), None);
            assert_eq!(joined(&mut joiner, &rest.map(String::clone)), [""; 0]);
        }
        assert_eq!(joined(&mut joiner, &frames), [long]);
        assert_eq!(joined(&mut joiner, &split("two", "short").unwrap()), ["short"]);
    }
}
