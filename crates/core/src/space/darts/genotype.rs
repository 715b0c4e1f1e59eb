//! Reads the customary name of an architecture.

use super::{CELLS, Cell, FIRST, Inputs, NODES, OPS};

/// The cells of a name such as `Genotype(normal=[...], ...)`; or what is wrong with it, in words.
pub(super) fn read(text: &str) -> Result<[Cell; 2], String> {
    Reader { rest: text }.genotype()
}

/// Reads a name piece by piece; errors are what is wrong, in words.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// Goes behind this piece if it is next.
    fn skip(&mut self, piece: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(piece);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, piece: &str) -> Result<(), String> {
        if self.skip(piece) { Ok(()) } else { Err(self.missing(&format!("`{piece}`"))) }
    }

    fn missing(&self, what: &str) -> String {
        match self.rest.trim_start() {
            "" => format!("{what} is missing at its end"),
            rest => {
                let here: String = rest.chars().take(20).collect();
                format!("{what} is missing before \"{here}\"")
            }
        }
    }

    /// A text in single or double quotes.
    fn quoted(&mut self) -> Result<&'a str, String> {
        let rest = self.rest.trim_start();
        let quote = rest.chars().next().filter(|c| "'\"".contains(*c));
        let inside = quote.and_then(|quote| rest[1..].split_once(quote));
        let (text, rest) = inside.ok_or_else(|| self.missing("an operation in quotes"))?;
        self.rest = rest;
        Ok(text)
    }

    fn number(&mut self) -> Result<usize, String> {
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number =
            rest[..end].parse().map_err(|_not_one| self.missing("the number of a node"))?;
        self.rest = &rest[end..];
        Ok(number)
    }

    /// What `item` reads, between brackets and with commas between.
    fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        self.expect("[")?;
        let mut items = Vec::new();
        while !self.skip("]") {
            if !items.is_empty() {
                self.expect(",")?;
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn genotype(&mut self) -> Result<[Cell; 2], String> {
        self.expect("Genotype")?;
        self.expect("(")?;
        let mut cells = [[Inputs::default(); NODES]; 2];
        for (name, cell) in std::iter::zip(CELLS, &mut cells) {
            self.expect(name)?;
            self.expect("=")?;
            let edges = self.list(|reader| {
                reader.expect("(")?;
                let op = reader.quoted()?;
                reader.expect(",")?;
                let from = reader.number()?;
                reader.expect(")")?;
                Ok((op, from))
            })?;
            *cell = cell_of(name, &edges)?;
            self.expect(",")?;
            self.expect(&format!("{name}_concat"))?;
            self.expect("=")?;
            if !self.skip("range(2, 6)") && self.list(Self::number)? != [2, 3, 4, 5] {
                return Err(format!("{name}_concat must be [2, 3, 4, 5]: each node is put out"));
            }
            if name == CELLS[0] {
                self.expect(",")?;
            }
        }
        self.expect(")")?;
        match self.rest.trim() {
            "" => Ok(cells),
            rest => Err(format!("\"{rest}\" stands behind its end")),
        }
    }
}

/// The cell with these edges, two for each node.
fn cell_of(name: &str, edges: &[(&str, usize)]) -> Result<Cell, String> {
    if edges.len() != 2 * NODES {
        return Err(format!("{name} has {} edges and needs {}", edges.len(), 2 * NODES));
    }
    let mut cell = [Inputs::default(); NODES];
    for (at, (inputs, edges)) in std::iter::zip(&mut cell, edges.chunks_exact(2)).enumerate() {
        let node = FIRST + at;
        for (input, (op, from)) in edges.iter().enumerate() {
            inputs.ops[input] = OPS.iter().position(|known| known == op).ok_or_else(|| {
                let hint = nascent_record::suggestion(op, OPS);
                format!("there is no operation \"{op}\" for node {node} of {name}; {hint}")
            })?;
            if *from >= node {
                return Err(format!("node {node} of {name} reads {from}, which is not before it"));
            }
            inputs.from[input] = *from;
        }
        if inputs.from[0] == inputs.from[1] {
            return Err(format!("node {node} of {name} reads {} twice", inputs.from[0]));
        }
        *inputs = inputs.sorted();
    }
    Ok(cell)
}
