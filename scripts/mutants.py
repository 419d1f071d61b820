# SPDX-License-Identifier: MIT
"""Makes mutants of a C file: copies that differ in one small thing.

Works on the tokens of a file as clang-format leaves it: a function's braces
stand alone at the start of a line, so that code and tables can be told apart
without a parser. What makes no sense does not compile, which the runner says.
"""

import re
from dataclasses import dataclass

TOKEN = re.compile(r"""
    (?P<skip>\s+|//[^\n]*|/\*.*?\*/)
  | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
  | (?P<number>0[xX][0-9a-fA-F]+[uUlL]*|[0-9][0-9]*[uUlL]*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<op><<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|.)
""", re.X | re.S)

SWAPS = {"==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">",
         "&&": "||", "||": "&&", "+": "-", "-": "+", "+=": "-=", "-=": "+=",
         "<<": ">>", ">>": "<<", "++": "--", "--": "++", "|=": "&=",
         "&=": "|=", "&": "|", "|": "&"}
# They may also have one operand; then they are something else.
BINARY_ONLY = {"+", "-", "&"}
ASSIGNS = {"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="}
KEYWORDS = {"if", "else", "for", "while", "do", "switch", "case", "default",
            "return", "goto", "break", "continue", "static", "const", "struct",
            "union", "enum", "unsigned", "int", "char", "bool", "long", "void",
            "sizeof", "typedef", "extern"}


@dataclass
class Mutant:
    path: str
    line: int      # from 1
    what: str
    text: str      # the whole file, changed
    in_code: bool = True   # in a function, not in a table or a definition
    number: int = 0
    test: tuple = None     # program and case, where one test has to kill it


@dataclass
class Token:
    kind: str
    text: str
    start: int
    line: int
    in_code: bool = False

    @property
    def end(self):
        return self.start + len(self.text)


def _tokens(text):
    """Tokens of the file, without those of lines that the preprocessor reads but #define's."""
    found, line, at = [], 1, 0
    directive = None
    while at < len(text):
        match = TOKEN.match(text, at)
        kind, piece = match.lastgroup, match.group()
        start_of_line = text.rfind("\n", 0, at) + 1
        if piece == "#" and not text[start_of_line:at].strip():
            directive = re.match(r"#\s*(\w+)", text[at:]).group(1)
        if kind != "skip" and directive in (None, "define"):
            found.append(Token(kind, piece, at, line))
        if kind == "skip" and re.search(r"(?<!\\)\n", piece):
            directive = None
        line += piece.count("\n")
        at = match.end()
    inside = False
    for token in found:
        start_of_line = text.rfind("\n", 0, token.start) + 1
        if token.text == "{" and text[start_of_line:token.end + 1] == "{\n":
            inside = True
        elif token.text == "}" and start_of_line == token.start:
            inside = False
        token.in_code = inside
    return found


class _Maker:
    def __init__(self, path, text):
        self.path, self.text = path, text
        self.tokens = _tokens(text)
        self.made = []

    def add(self, first, last, new, what):
        """Tokens `first` to `last` (inclusive) become `new`."""
        start, end = self.tokens[first].start, self.tokens[last].end
        token = self.tokens[first]
        self.made.append(Mutant(self.path, token.line, what,
                                self.text[:start] + new + self.text[end:],
                                token.in_code))

    def at(self, index):
        return self.tokens[index].text if 0 <= index < len(self.tokens) else ""

    def closing(self, index):
        """Index of the parenthesis that closes the one at `index`."""
        depth = 0
        for i in range(index, len(self.tokens)):
            depth += (self.at(i) in "([{") - (self.at(i) in ")]}")
            if not depth:
                return i
        return len(self.tokens) - 1

    def statement_end(self, index):
        """Index of the semicolon of the statement that begins at `index`; None: it is a block."""
        depth = 0
        for i in range(index, len(self.tokens)):
            text = self.at(i)
            depth += (text in "([{") - (text in ")]}")
            if depth < 0 or (text == "{" and self.at(i - 1) == ")"):
                return None
            if text == ";" and not depth:
                return i
        return None

    def shown(self, first, last):
        text = self.text[self.tokens[first].start:self.tokens[last].end]
        text = " ".join(text.split())
        return text if len(text) <= 60 else text[:57] + "..."

    # The kinds of mutants

    def operator(self, i):
        token = self.tokens[i]
        new = SWAPS.get(token.text)
        before = self.tokens[i - 1] if i else None
        operand = before and (before.kind in ("number", "name") or
                              before.text in (")", "]"))
        if before and before.text in ("return", "case", "sizeof"):
            operand = False
        if not new or (token.text in BINARY_ONLY and not operand):
            return
        # "(char *)&x" and "(int)-1" have one operand too; no sum begins with a type.
        if token.text in BINARY_ONLY and before.text == ")" and self._is_cast(i - 1):
            return
        self.add(i, i, new, f'"{token.text}" becomes "{new}"')

    def _is_cast(self, close):
        inside = []
        for i in range(close - 1, max(close - 6, -1), -1):
            if self.at(i) == "(":
                break
            inside.append(self.at(i))
        return bool(inside) and (inside[0] == "*" or
                                 all(re.fullmatch(r"const|struct|unsigned|int|char|\w+_t", w)
                                     for w in inside))

    def number(self, i):
        token = self.tokens[i]
        digits = token.text.rstrip("uUlL")
        suffix = token.text[len(digits):]
        if self.at(i - 1) == "[" and self.at(i + 1) == "]" and self._declares(i - 2):
            return  # the room of an array
        value = int(digits, 16 if digits[:2].lower() == "0x" else
                    8 if len(digits) > 1 and digits[0] == "0" else 10)
        for new in (value + 1, value - 1):
            if new >= 0:
                shown = (hex(new) if digits[:2].lower() == "0x" else str(new)) + suffix
                self.add(i, i, shown, f"{token.text} becomes {shown}")

    def _declares(self, i):
        return (self.tokens[i].kind == "name" and
                (self.tokens[i - 1].kind == "name" or self.at(i - 1) in "*,") and
                self.at(i - 1) != "return")

    def name(self, i):
        text = self.at(i)
        if text in ("true", "false"):
            new = "false" if text == "true" else "true"
            self.add(i, i, new, f"{text} becomes {new}")
        elif text in ("if", "while") and self.at(i + 1) == "(":
            last = self.closing(i + 1)
            condition = self.text[self.tokens[i + 1].start:self.tokens[last].end]
            self.add(i + 1, last, f"(!{condition})",
                     f"{text} {self.shown(i + 1, last)} is negated")
        elif text == "return" and self.at(i + 1) not in (";", "0"):
            last = self.statement_end(i)
            if last:
                self.add(i, last, "return 0;", f"{self.shown(i, last)} returns 0")

    def negation(self, i):
        if self.at(i) == "!" and self.at(i - 1) in ("(", "&&", "||", "=", "return", "?", ":", ","):
            self.add(i, i, "", '"!" goes')

    def statement(self, i):
        """Deletes the call or the assignment that begins here."""
        first = self.tokens[i]
        if not first.in_code or first.text in KEYWORDS or \
                not (first.kind == "name" or first.text in ("*", "(", "++", "--")):
            return
        begins = self.at(i - 1) in (";", "{", "}", "else", "do") or \
            (self.at(i - 1) == ")" and self._heads(i - 1)) or \
            (self.at(i - 1) == ":" and self.tokens[i - 2].kind == "name")
        last = self.statement_end(i) if begins else None
        if last is None:
            return
        words = self.tokens[i:last]
        # Two names in a row, or NAME * NAME: it declares something.
        if any(a.kind == b.kind == "name" for a, b in zip(words, words[1:])) or \
                (len(words) > 2 and words[1].text == "*" and words[2].kind == "name"
                 and words[0].kind == "name"):
            return
        depth, assigns = 0, False
        for word in words:
            depth += (word.text in "([{") - (word.text in ")]}")
            assigns |= not depth and word.text in ASSIGNS | {"++", "--"}
        if assigns or words[-1].text == ")":
            kind = "assignment" if assigns else "call"
            self.add(i, last, ";", f"{kind} {self.shown(i, last)} goes")

    def _heads(self, close):
        """Whether this parenthesis closes the head of an if, for or while."""
        depth = 0
        for i in range(close, -1, -1):
            depth += (self.at(i) in ")]}") - (self.at(i) in "([{")
            if not depth:
                return self.at(i - 1) in ("if", "for", "while", "switch")
        return False


def mutants(path, text):
    """All mutants of a file, in the order of their lines."""
    maker = _Maker(path, text)
    for i, token in enumerate(maker.tokens):
        maker.statement(i)
        if token.kind == "op":
            maker.operator(i)
            maker.negation(i)
        elif token.kind == "number":
            maker.number(i)
        elif token.kind == "name":
            maker.name(i)
    for number, mutant in enumerate(maker.made, 1):
        mutant.number = number
    return maker.made
