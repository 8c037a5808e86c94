"""Typed faults that people and models put into Cypher, and rewrites that make a query slower without changing it.

Each is a change of a right query's text; whether the changed one is really wrong, or really the same, is found by the
parser and by running it (`datagen.help`).
"""

from typing import NamedTuple


class Change(NamedTuple):
    """A regular expression, what is put in the place of its first match, and what to say about the result."""

    name: str
    pattern: str
    replacement: str
    diagnosis: str


FAULTS: tuple[Change, ...] = (
    Change("match_misspelt", r"^MATCH", "MACTH", "The keyword MATCH is misspelt."),
    Change("where_misspelt", r"\bWHERE\b", "WEHRE", "The keyword WHERE is misspelt."),
    Change("return_misspelt", r"\bRETURN\b", "RETRUN", "The keyword RETURN is misspelt."),
    Change("distinct_misspelt", r"\bDISTINCT\b", "DISTICT", "The keyword DISTINCT is misspelt."),
    Change("limit_misspelt", r"\bLIMIT\b", "LIMT", "The keyword LIMIT is misspelt."),
    Change("optional_misspelt", r"\bOPTIONAL\b", "OPTINAL", "The keyword OPTIONAL is misspelt."),
    Change("order_by_joined", r"\bORDER BY\b", "ORDERBY", "ORDER BY is written as two words."),
    Change("start_with", r"\bSTARTS WITH\b", "START WITH", "The operator is STARTS WITH, with an S."),
    Change("end_with", r"\bENDS WITH\b", "END WITH", "The operator is ENDS WITH, with an S."),
    Change("contain", r"\bCONTAINS\b", "CONTAIN", "The operator is CONTAINS, with an S."),
    Change("is_not_misplaced", r"\bIS NOT NULL\b", "NOT IS NULL", "IS NOT NULL is one operator, with NOT in the middle."),
    Change("node_unclosed", r"\((n:\w+)\)", r"(\1", "A node's closing parenthesis is missing."),
    Change("relationship_unclosed", r"\[(\w*:\w+)\]", r"[\1", "A relationship's closing bracket is missing."),
    Change("label_without_colon", r"\(n:(\w+)\)", r"(n \1)", "A label needs a colon before it: (n:Label)."),
    Change("type_without_colon", r"\[:(\w+)\]", r"[\1]", "Without a colon the word in brackets is a variable, and any relationship matches; the type needs a colon."),
    Change("arrow_without_dash", r"\]->", "]>", "The arrow of a relationship is ]->, with a dash."),
    Change("arrow_turned", r"-(\[[^\]]*\])->", r"<-\1-", "The arrow points the wrong way: the schema has this relationship in the other direction."),
    Change("arrow_turned_back", r"<-(\[[^\]]*\])-", r"-\1->", "The relationship must be followed against its arrow here: it starts at the other node."),
    Change("double_equals", r" = ", " == ", "Cypher compares with one equals sign."),
    Change("exclamation", r" <> ", " != ", "Cypher writes 'not equal' as <>."),
    Change("ampersands", r" AND ", " && ", "Cypher has the words AND, OR and NOT, not && and ||."),
    Change("bars", r" OR ", " || ", "Cypher has the words AND, OR and NOT, not && and ||."),
    Change("bang", r"\bNOT ", "!", "Cypher negates with the word NOT."),
    Change("like", r"CONTAINS '(\w+)'", r"LIKE '%\1%'", "Cypher has no LIKE; CONTAINS finds a part of a text."),
    Change("like_start", r"STARTS WITH '(\w+)'", r"LIKE '\1%'", "Cypher has no LIKE; STARTS WITH finds the beginning of a text."),
    Change("sql_between", r"(n\.\w+) >= (\S+) AND \1 <= (\S+)", r"\1 BETWEEN \2 AND \3", "Cypher has no BETWEEN; write two comparisons."),
    Change("in_parentheses", r"IN \[([^\]]*)\]", r"IN (\1)", "A list is written in brackets: IN [a, b]."),
    Change("equals_null", r"IS NULL", "= null", "Nothing equals null; the test is IS NULL."),
    Change("differs_from_null", r"IS NOT NULL", "<> null", "Nothing differs from null either; the test is IS NOT NULL."),
    Change("select_from", r"^MATCH (\(.*?) RETURN (.*)$", r"SELECT \2 FROM \1", "Cypher has no SELECT … FROM: it matches a pattern, then returns."),
    Change("return_missing", r" RETURN .*$", "", "A query that reads must end in RETURN."),
    Change("group_by", r"(RETURN (n\.\w+), .*\(.*)$", r"\1 GROUP BY \2", "Cypher has no GROUP BY: what is returned beside an aggregate is the group."),
    Change("sql_having", r"WITH (.*?) WHERE (.*?) RETURN", r"WITH \1 HAVING \2 RETURN", "Cypher has no HAVING: a WHERE behind WITH does that."),
    Change("aggregate_in_where", r"WITH n, count\(m\) AS total WHERE total", "WHERE count(m)", "An aggregate cannot stand in WHERE: compute it in WITH first."),
    Change("alias_missing", r" AS (\w+)", r" \1", "The name of a column comes after AS."),
    Change("variable_unknown", r"RETURN (DISTINCT )?n\.", r"RETURN \1x.", "The variable that is returned was never bound."),
    Change("text_unclosed", r"'(\w+)'", r"'\1", "A text lacks its closing quote."),
    Change("quotes_mixed", r"'(\w+)'", r"'\1" + '"', "A text begins with one kind of quote and ends with another."),
    Change("comma_trailing", r"RETURN ([^()]*)$", r"RETURN \1,", "There is a comma behind the last column."),
    Change("comma_missing", r"(RETURN n\.\w+), ", r"\1 ", "Columns are separated by commas."),
    Change("limit_first", r" (ORDER BY .*?) (LIMIT \d+)$", r" \2 \1", "ORDER BY comes before LIMIT."),
    Change("where_last", r" WHERE (.*?) (RETURN .*)$", r" \2 WHERE \1", "WHERE belongs to MATCH and stands before RETURN."),
    Change("where_twice", r" AND ", " WHERE ", "A clause has one WHERE; further conditions follow after AND."),
    Change("average", r"\bavg\(", "average(", "The function is called avg."),
    Change("total", r"\bsum\(", "total(", "The function is called sum."),
    Change("maximum", r"\bmax\(", "maximum(", "The function is called max."),
    Change("minimum", r"\bmin\(", "minimum(", "The function is called min."),
    Change("upper", r"\btoUpper\(", "upper(", "The function is called toUpper."),
    Change("apoc_lower", r"\btoLower\(", "apoc.text.toLowerCase(", "NornicDB has no such function; toLower does it."),
    Change("if_null", r"\bcoalesce\(", "ifnull(", "The function is called coalesce."),
    Change("collected", r"\bcollect\(", "list(", "The function is called collect."),
    Change("label_in_lower_case", r"\(n:([A-Z]\w*)\)", "LOWER", "Labels are spelt with their case; this one does not exist as written."),
    Change("type_in_lower_case", r"\[:([A-Z]\w*)\]", "LOWER", "Relationship types are spelt with their case; this one does not exist as written."),
    Change("property_misspelt", r"(?<=n\.)(\w+)(\w)(?=\W|$)", r"\1", "The nodes have no such property; its name lost a letter."),
    Change("number_as_text", r"([<>]=? )(\d+)", r"\1'\2'", "A number in quotes is a text, and texts do not compare with numbers."),
)  # fmt: skip

# From the quick form to a slow one.
SLOWDOWNS: tuple[Change, ...] = (
    Change("label_in_where", r"^MATCH \(n:(\w+)\) WHERE ", r"MATCH (n) WHERE n:\1 AND ", "A label in the pattern lets the database begin with the nodes of that label instead of all nodes."),
    Change("late_filter", r"^(MATCH \(n:\w+\)) WHERE ", r"\1 WITH n WHERE ", "The condition can stand at the MATCH, so that nothing is carried on that is thrown away later."),
    Change("needless_list", r"^(MATCH \(n:\w+\))( WHERE .*?)? RETURN ", r"\1\2 WITH collect(n) AS list UNWIND list AS n RETURN ", "Collecting all nodes into a list only to unwind it costs memory and changes nothing."),
    Change("needless_order", r"^(MATCH \(n:\w+\))( WHERE [^{]*?)? RETURN ((?:avg|sum|min|max|count)\(.*)$", r"\1\2 WITH n ORDER BY n RETURN \3", "The order of the nodes does not matter to an aggregate: the sort can go."),
    Change("list_size", r"RETURN count\((n)\)$", r"RETURN size(collect(\1))", "count() needs no list of the nodes."),
    Change("cartesian", r"^MATCH \(n:(\w+)\)(-\[:\w+\]->)\(m:(\w+)\) (RETURN|WITH)", r"MATCH (n:\1), (m:\3) WHERE (n)\2(m) \4", "Two patterns without a link are combined each with each; one connected pattern follows the relationships."),
    Change("regex_start", r"STARTS WITH '(\w+)'", r"=~ '\1.*'", "STARTS WITH can use an index, a regular expression cannot."),
    Change("regex_part", r"CONTAINS '(\w+)'", r"=~ '.*\1.*'", "CONTAINS is cheaper than a regular expression."),
    Change("or_chain", r"(n\.\w+) IN \[([^,\]]+), ([^,\]]+)\]", r"(\1 = \2 OR \1 = \3)", "IN with a list says the same as a chain of OR, and reads one property once."),
    Change("double_negation", r"(n\.\w+) = (\S+)", r"NOT \1 <> \2", "Two negations cancel; equality can use an index."),
)  # fmt: skip
