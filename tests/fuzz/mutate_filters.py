"""Mutations of filters in SQL."""

import re
from random import Random

from fuzz.mutate import raw_bytes


def expression(data: bytes, chance: Random) -> bytes:
    """A filter with words replaced, bracketed, repeated or joined."""
    pieces = re.split(rb"(\W)", data)
    at = chance.randrange(len(pieces))
    match chance.randrange(6):
        case 0:
            pieces[at] = chance.choice(_SQL)
        case 1:
            pieces.insert(at, chance.choice(_SQL))
        case 2:
            del pieces[at]
        case 3:
            return b"(" * (n := chance.choice((1, 3, 30, 110))) + data + b")" * n
        case 4:
            return chance.choice((b" and ", b" or ", b" = ", b" || ")).join(
                [data] * chance.choice((2, 3, 30))
            )
        case _:
            return raw_bytes(data, chance)
    return b"".join(pieces)


_SQL = (
    b"label",
    b"name",
    b"action",
    b"id",
    b"frames",
    b"clips",
    b"splits",
    b"and",
    b"or",
    b"not",
    b"in",
    b"between",
    b"like",
    b"ilike",
    b"similar to",
    b"is null",
    b"select",
    b"from",
    b"where",
    b"union",
    b"exists",
    b"(select 1)",
    b"range(10)",
    b"repeat(name, 99999999)",
    b"range(99999999)",
    b"read_csv('/etc/passwd')",
    b"'/etc/passwd'",
    b"lpad('x', 99999999, 'y')",
    b"list_sort",
    b"length",
    b"lower",
    b"substring",
    b"case when",
    b"then",
    b"else",
    b"end",
    b"cast(",
    b"as",
    b"varchar",
    b"integer[100000]",
    b"::",
    b"::int",
    b"::blob",
    b"::json",
    b"->",
    b"[1:2]",
    b"{'a': 1}",
    b"?",
    b"$1",
    b"*",
    b"columns(*)",
    b"count(*)",
    b"over ()",
    b"null",
    b"true",
    b"'",
    b'"',
    b"--",
    b"/*",
    b"*/",
    b";",
    b"\\",
    b"\0",
    b"(",
    b")",
    b"[",
    b"]",
    b"**",
    b"^",
    b"!",
    b"~",
    b"%",
    b"||",
    b"<=>",
    b"@>",
    b"interval '1' year",
    b"now()",
    b"random()",
    b"getenv('HOME')",
    b"current_setting('temp_directory')",
    b"query('select 1')",
    b"pragma_version()",
    b"x -> x",
    b"lambda x: x",
    b"e'\\x00'",
    b"1e309",
    b"0x1F",
    b"9" * 40,
    b"'(a*)*b'",
    b"regexp_matches(name, '(a|b)*')",
    b"regexp_replace(name, '', 'xx', 'g')",
    b"error('x')",
    b"set threads = 1",
    b"limit 1",
    b"order by 1",
    b"group by all",
    b"collate nocase",
    b"at time zone 'x'",
)
