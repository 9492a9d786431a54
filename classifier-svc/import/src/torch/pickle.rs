//! The pickle machine: a stack, a memo, and the operations of protocol 2 and later.

use std::collections::HashMap;

use super::{
    Problem,
    global::Global,
    object::{Object, Objects, Ref},
};
use crate::cursor::{Cursor, text};

/// Operations at most. A tensor takes about thirty; each takes a bounded amount of memory.
const MAX_STEPS: usize = 1 << 22;
/// Bytes of the name of a function or class, at most.
const MAX_NAME: usize = 256;

/// Reads one pickle and leaves the cursor behind it.
pub(super) fn read(cursor: &mut Cursor) -> Result<Objects, Problem> {
    let mut machine = Machine {
        objects: Objects {
            all: Vec::new(),
            root: 0,
        },
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        steps: 0,
        encoded: cursor.left(),
    };
    while machine.step(cursor)? {}
    Ok(machine.objects)
}

/// The state of a pickle that is being read; `call` has what its functions do.
pub(super) struct Machine {
    pub(super) objects: Objects,
    stack: Vec<Ref>,
    /// Heights of the stack that containers begin at.
    marks: Vec<usize>,
    memo: HashMap<usize, Ref>,
    steps: usize,
    /// Bytes that may still be decoded from texts: no more than the file has.
    pub(super) encoded: usize,
}

impl Machine {
    /// One operation; false after the last.
    fn step(&mut self, cursor: &mut Cursor) -> Result<bool, Problem> {
        self.spend(1)?;
        let at = cursor.at();
        match cursor.byte()? {
            // PROTO, FRAME
            0x80 => drop(cursor.byte()?),
            0x95 => drop(cursor.array::<8>()?),
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.push(Object::None),
            0x88 => self.push(Object::Bool(true)),
            0x89 => self.push(Object::Bool(false)),
            // BININT1, BININT2, BININT, LONG1, BINFLOAT
            b'K' => self.push(Object::Int(cursor.byte()?.into())),
            b'M' => self.push(Object::Int(u16::from_le_bytes(cursor.array()?).into())),
            b'J' => self.push(Object::Int(i32::from_le_bytes(cursor.array()?).into())),
            0x8a => {
                let n = cursor.byte()?.into();
                self.push(long(&cursor.take(n)?));
            }
            // LONG4
            0x8b => {
                let n = u32::from_le_bytes(cursor.array()?) as usize;
                self.push(long(&cursor.take(n)?));
            }
            b'G' => {
                cursor.array::<8>()?;
                self.push(Object::Opaque);
            }
            // BINUNICODE, SHORT_BINUNICODE, BINUNICODE8
            b'X' => {
                let n = u32::from_le_bytes(cursor.array()?) as usize;
                self.push_text(cursor, n)?;
            }
            0x8c => {
                let n = cursor.byte()?.into();
                self.push_text(cursor, n)?;
            }
            0x8d => {
                let n = length(cursor)?;
                self.push_text(cursor, n)?;
            }
            // BINSTRING and SHORT_BINSTRING: texts or bytes of Python 2
            b'T' => {
                let n = u32::from_le_bytes(cursor.array()?) as usize;
                self.push_string(cursor, n)?;
            }
            b'U' => {
                let n = cursor.byte()?.into();
                self.push_string(cursor, n)?;
            }
            // BINBYTES, SHORT_BINBYTES, BINBYTES8 and BYTEARRAY8
            b'B' => {
                let n = u32::from_le_bytes(cursor.array()?) as usize;
                self.push(Object::Bytes(cursor.take(n)?));
            }
            b'C' => {
                let n = cursor.byte()?.into();
                self.push(Object::Bytes(cursor.take(n)?));
            }
            0x8e | 0x96 => {
                let n = length(cursor)?;
                self.push(Object::Bytes(cursor.take(n)?));
            }
            b')' | b']' => self.push(Object::Sequence(Vec::new())),
            b'}' => self.push(Object::Dict(Vec::new())),
            // EMPTY_SET, ADDITEMS, FROZENSET
            0x8f => self.push(Object::Opaque),
            0x90 => {
                self.pop_to_mark()?;
                self.top()?;
            }
            0x91 => {
                self.pop_to_mark()?;
                self.push(Object::Opaque);
            }
            // POP, POP_MARK, DUP
            b'0' if self.above_mark() == 0 && !self.marks.is_empty() => drop(self.marks.pop()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_to_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            // TUPLE, LIST, TUPLE1 to TUPLE3
            b't' | b'l' => {
                let items = self.pop_to_mark()?;
                self.push(Object::Sequence(items));
            }
            n @ 0x85..=0x87 => {
                let items = self.pop_many(usize::from(n - 0x84))?;
                self.push(Object::Sequence(items));
            }
            // APPEND, APPENDS, SETITEM, SETITEMS
            b'a' => {
                let items = self.pop_many(1)?;
                self.append(&items)?;
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.append(&items)?;
            }
            b's' => {
                let items = self.pop_many(2)?;
                self.set(&items)?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set(&items)?;
            }
            // GLOBAL, STACK_GLOBAL
            b'c' => {
                let (module, name) = (cursor.line(MAX_NAME)?, cursor.line(MAX_NAME)?);
                self.push(Object::Global(Global::find(&module, &name)));
            }
            0x93 => {
                let global = self.named_on_stack()?;
                self.push(Object::Global(global));
            }
            // BINPUT, LONG_BINPUT, MEMOIZE, BINGET, LONG_BINGET
            b'q' => self.put(cursor.byte()?.into())?,
            b'r' => self.put(u32::from_le_bytes(cursor.array()?) as usize)?,
            0x94 => self.put(self.memo.len())?,
            b'h' => self.get(cursor.byte()?.into())?,
            b'j' => self.get(u32::from_le_bytes(cursor.array()?) as usize)?,
            // BINPERSID, REDUCE, NEWOBJ, NEWOBJ_EX, BUILD
            b'Q' => self.storage()?,
            b'R' => self.reduce()?,
            0x81 => self.instance(2)?,
            0x92 => self.instance(3)?,
            b'b' => self.build()?,
            b'.' => {
                self.objects.root = self.pop()?;
                return Ok(false);
            }
            other => {
                return Err(
                    format!("unexpected pickle operation {other:#04x} at byte {at}").into(),
                );
            }
        }
        Ok(true)
    }

    /// Counts operations, so that no file takes unbounded time.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), Problem> {
        self.steps += steps;
        match self.steps <= MAX_STEPS {
            true => Ok(()),
            false => Err(format!("the pickle needs more than {MAX_STEPS} operations").into()),
        }
    }

    pub(super) fn push(&mut self, object: Object) {
        self.stack.push(self.objects.all.len());
        self.objects.all.push(object);
    }

    fn push_text(&mut self, cursor: &mut Cursor, n: usize) -> Result<(), Problem> {
        let text = text(&cursor.take(n)?)?;
        self.push(Object::Text(text.into()));
        Ok(())
    }

    fn push_string(&mut self, cursor: &mut Cursor, n: usize) -> Result<(), Problem> {
        let bytes = cursor.take(n)?;
        self.push(match text(&bytes) {
            Ok(text) => Object::Text(text.into()),
            Err(_) => Object::Bytes(bytes),
        });
        Ok(())
    }

    /// The number of objects above the last mark.
    fn above_mark(&self) -> usize {
        self.stack.len() - self.marks.last().copied().unwrap_or(0)
    }

    pub(super) fn pop_many(&mut self, n: usize) -> Result<Vec<Ref>, Problem> {
        match n <= self.above_mark() {
            true => Ok(self.stack.split_off(self.stack.len() - n)),
            false => Err(String::from("the pickle takes more from its stack than it holds").into()),
        }
    }

    pub(super) fn pop(&mut self) -> Result<Ref, Problem> {
        Ok(self.pop_many(1)?[0])
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Ref>, Problem> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => Err(String::from("the pickle ends a container that it did not start").into()),
        }
    }

    pub(super) fn top(&self) -> Result<Ref, Problem> {
        let top = self.stack.last().filter(|_| self.above_mark() > 0);
        top.copied()
            .ok_or_else(|| String::from("the pickle's stack is empty").into())
    }

    fn put(&mut self, key: usize) -> Result<(), Problem> {
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn get(&mut self, key: usize) -> Result<(), Problem> {
        let at = self.memo.get(&key);
        let at = at
            .ok_or_else(|| format!("the pickle reads entry {key} of its memo before setting it"))?;
        self.stack.push(*at);
        Ok(())
    }

    fn append(&mut self, items: &[Ref]) -> Result<(), Problem> {
        let top = self.top()?;
        match &mut self.objects.all[top] {
            Object::Sequence(list) => list.extend(items),
            // A class that is a list or a set.
            Object::Instance(_) | Object::Opaque => {}
            _ => {
                return Err(
                    String::from("the pickle appends to a value that is not a list").into(),
                );
            }
        }
        Ok(())
    }

    fn set(&mut self, items: &[Ref]) -> Result<(), Problem> {
        let top = self.top()?;
        let (pairs, rest) = items.as_chunks::<2>();
        match &mut self.objects.all[top] {
            Object::Opaque => {}
            Object::Dict(dict) | Object::Instance(dict) if rest.is_empty() => {
                dict.extend(pairs.iter().map(|[k, v]| (*k, *v)))
            }
            _ => {
                return Err(String::from(
                    "the pickle sets items on a value that is not a dictionary",
                )
                .into());
            }
        }
        Ok(())
    }

    fn named_on_stack(&mut self) -> Result<Global, Problem> {
        let names = self.pop_many(2)?;
        match (self.objects.text(names[0]), self.objects.text(names[1])) {
            (Some(module), Some(name)) if module.len().max(name.len()) <= MAX_NAME => {
                Ok(Global::find(module, name))
            }
            _ => Err(
                String::from("the pickle names a function by a value that is not a string").into(),
            ),
        }
    }
}

/// A length of eight bytes.
fn length(cursor: &mut Cursor) -> Result<usize, Problem> {
    Ok(usize::try_from(u64::from_le_bytes(cursor.array()?)).unwrap_or(usize::MAX))
}

/// A little-endian integer in two's complement.
fn long(bytes: &[u8]) -> Object {
    let Some(last) = bytes.last() else {
        return Object::Int(0);
    };
    if bytes.len() > 8 {
        return Object::Opaque;
    }
    let mut all = [if last & 0x80 == 0 { 0 } else { 0xff }; 8];
    all[..bytes.len()].copy_from_slice(bytes);
    Object::Int(i64::from_le_bytes(all))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn run(pickle: &[u8]) -> Result<Objects, Problem> {
        read(&mut Cursor::new(Bytes::copy_from_slice(pickle)))
    }

    #[test]
    fn functions_are_refused_by_name_where_they_are_called() {
        for (pickle, name) in [
            (
                &b"\x80\x02cposix\nsystem\n(X\x02\0\0\0lstR."[..],
                "posix.system",
            ),
            (b"cbuiltins\neval\n)R.", "builtins.eval"),
            (
                b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02ls\x85R.",
                "os.system",
            ),
            (b"ctorch\nload\n)R.", "torch.load"),
        ] {
            match run(pickle) {
                Err(Problem::Refused(refused)) => assert_eq!(refused, name),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn numbers_are_in_twos_complement() {
        for (pickle, number) in [
            (&b"\x8a\0."[..], 0),
            (b"\x8a\x01\xff.", -1),
            (b"\x8a\x02\xff\0.", 255),
            (b"J\xfe\xff\xff\xff.", -2),
            (b"M\xff\xff.", 65_535),
        ] {
            assert!(matches!(run(pickle).unwrap().root(), Object::Int(n) if *n == number));
        }
    }

    #[test]
    fn nesting_costs_no_stack_and_work_is_bounded() {
        let mut deep = vec![b')'];
        deep.extend([0x85; 1 << 20]);
        deep.push(b'.');
        assert!(run(&deep).is_ok());
        let endless = vec![b'N'; MAX_STEPS + 1];
        assert!(matches!(run(&endless), Err(Problem::Malformed(p)) if p.contains("operations")));
        // A list within itself.
        assert!(run(b"]q\0h\0a.").is_ok());
        // A list of pairs that is called again and again.
        let mut pairs = b"ccollections\nOrderedDict\nq\0(".to_vec();
        pairs.extend(b"))\x86".repeat(1000));
        pairs.extend(b"lq\x01");
        pairs.extend(b"h\0h\x01\x85R".repeat(5000));
        assert!(matches!(run(&pairs), Err(Problem::Malformed(p)) if p.contains("operations")));
    }

    #[test]
    fn broken_pickles_are_errors() {
        for pickle in [
            &b""[..],
            b".",
            b"t",
            b"u.",
            b"(.",
            b"(a.",
            b"h\0.",
            b"q\0.",
            b"R.",
            b"b.",
            b"Q.",
            b"\x93.",
            b"Ns.",
            b"}(Nu.",
            b")Q.",
            b"NNR.",
            b"N(00.",
            b"X\xff\xff\xff\xff.",
            b"cno end",
            b"NNb.",
            b"X\x01\0\0\0\xff.",
            b"(N(e.",
            b"\x81.",
            b"NN\x81.",
            b"2.",
            b"1.",
            b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff.",
        ] {
            let result = run(pickle);
            assert!(
                matches!(result, Err(Problem::Malformed(_))),
                "{pickle:?}: {result:?}"
            );
        }
    }
}
