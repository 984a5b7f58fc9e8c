"""Our placeholders in the hands of the real libmongocrypt.

    test_crypto.py PATH-OF-OC_ANALYZE [unittest arguments]

Each command goes through libmongocrypt with our engine as query analysis. It must accept the placeholders, and what it makes
of them must be what explicit encryption of the same value with the same options makes, so that the two find each other's
documents. A payload for a find is deterministic but for the number that joins the two halves of a range; one for a write holds
ciphertexts with a random IV (RANDOM below), and with a contention other than 0 a random one of that many tokens.
"""
import itertools
import sys
import unittest

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from pymongocrypt.errors import MongoCryptError

import cases
from vault import Crypt, Engine, encode, key_id, payloads

INDEXES = {index.name: index for index in cases.INDEXES + cases.CSFLE}
NUMBERS = {name: number for number, name in enumerate(INDEXES)}  # of their keys
DETERMINISTIC, RANDOMISED = 1, 2
INSERT, FIND_EQUALITY, FIND_RANGE, UNINDEXED, FIND_TEXT = 11, 12, 13, 16, 18
CIPHERTEXTS = {DETERMINISTIC, RANDOMISED, UNINDEXED}
RANDOM = {"p", "v"}
RANGE_OPTIONS = ("min", "max", "precision", "sparsity", "trimFactor")
INT64_LIMITS = {"min": bson.Int64(-(2**63)), "max": bson.Int64(2**63 - 1)}
LIMITS = {
    "int": {"min": -(2**31), "max": 2**31 - 1},
    "long": INT64_LIMITS,
    "date": {name: DatetimeMS(int(limit)) for name, limit in INT64_LIMITS.items()},
}
DATES = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)  # the whole range of BSON
CRYPT = None


def main():
    global CRYPT
    engine = Engine(sys.argv.pop(1))
    CRYPT = Crypt(engine, len(INDEXES), by_namespace(cases.INDEXES, encrypted_fields), by_namespace(cases.CSFLE, json_schema))
    passed = unittest.main(exit=False).result.wasSuccessful()
    CRYPT.close()
    engine.close()
    return not passed


# ---- through libmongocrypt ----

def by_namespace(indexes, schema):
    return {"db." + index.name: schema(index.name) for index in indexes}


def json_schema(name):
    kind, algorithm = INDEXES[name].bson_type, INDEXES[name].queries
    encrypted = {"keyId": [key_id(NUMBERS[name])], "algorithm": algorithm, "bsonType": kind}
    return {"bsonType": "object", "properties": {"f": {"encrypt": encrypted}}}


def encrypted_fields(name):
    field = {"path": "f", "keyId": key_id(NUMBERS[name]), "bsonType": INDEXES[name].bson_type}
    if INDEXES[name].queries:
        field["queries"] = INDEXES[name].queries
    return {"fields": [field]}


def encrypt(command):
    """The command as libmongocrypt sends it to the server; bulkWrite is a command of the database admin."""
    return CRYPT.encrypt_command("admin" if "bulkWrite" in command else "db", encode(command))


def automatic(command):
    return [decoded(payload) for payload in payloads(bson.decode(encrypt(command), DATES))]


def stored(name, value):
    """The payload of an insert."""
    payload, = automatic({"insert": name, "documents": [{"f": value}]})
    return payload


def explicit(name, value, algorithm, **options):
    value = encode({"v": value})
    if INDEXES[name].queries != algorithm:
        options["contention_factor"] = contention(name)
    found = CRYPT.encrypt_value(value, algorithm=algorithm, key_id=key_id(NUMBERS[name]), **options)
    return [decoded(payload) for payload in found]


def decoded(payload):
    """The first byte, and the rest, which is a document where it is no ciphertext."""
    return payload[0], payload[1:] if payload[0] in CIPHERTEXTS else bson.decode(payload[1:], DATES)


# ---- options of explicit encryption, out of a schema ----

def queries(name):
    declared = INDEXES[name].queries
    return declared if isinstance(declared, list) else [declared]


def contention(name):
    return queries(name)[0].get("contention", 8)


def range_options(name):
    """What the schema sets; explicit encryption has its own defaults but for the bounds of whole numbers and dates."""
    options = {**LIMITS.get(INDEXES[name].bson_type, {}), **queries(name)[0]}
    return bson.encode({option: options[option] for option in RANGE_OPTIONS if option in options})


def string_options(name):
    options = {option: queries(name)[0][option] for option in ("caseSensitive", "diacriticSensitive")}
    for query in queries(name):
        kind = query["queryType"].replace("Preview", "")
        options[kind] = {option: size for option, size in query.items() if option.startswith("str")}
    return bson.encode(options)


def algorithm(name):
    """Name and options, by the index's query type."""
    kind = queries(name)[0]["queryType"]
    if kind == "equality":
        return {"algorithm": "Indexed"}
    if kind == "range":
        return {"algorithm": "Range", "range_opts": range_options(name)}
    return {"algorithm": "String", "string_opts": string_options(name)}


def explicit_write(name, value):
    payload, = explicit(name, value, **algorithm(name))
    return payload


def explicit_range(name, bounds, in_expression=False):
    terms = [{operator: ["$f", value]} if in_expression else {"f": {operator: value}} for operator, value in bounds]
    return explicit(name, {"$and": terms}, query_type="range", is_expression=True, **algorithm(name))


# ---- what is compared ----

def without_random(value):
    if isinstance(value, (list, tuple)):
        return [without_random(member) for member in value]
    if isinstance(value, dict):
        return {name: without_random(member) for name, member in value.items() if name not in RANDOM}
    return value


def renumbered(found):
    """Payload ids by their order of appearance; explicit encryption numbers each range by itself."""
    ids = {}
    return [(kind, {**payload, "payloadId": ids.setdefault(payload["payloadId"], len(ids))}) for kind, payload in found]


def joined(ranges):
    """Payloads of several ranges, as if they had been numbered together."""
    return [(kind, {**payload, "payloadId": number}) for number, found in enumerate(ranges) for kind, payload in found]


def tokens(value):
    """The server's tokens of a payload: a find matches a document that has one of its tokens."""
    if isinstance(value, (list, tuple)):
        return {token for member in value for token in tokens(member)}
    if not isinstance(value, dict):
        return set()
    own = {value["l"]} if isinstance(value.get("l"), bytes) else set()
    return own.union(*(tokens(member) for member in value.values()))


def matches(document, found):
    return bool(tokens(document) & tokens(found))


COMPARE = {
    "$gt": lambda x, y: x > y,
    "$gte": lambda x, y: x >= y,
    "$lt": lambda x, y: x < y,
    "$lte": lambda x, y: x <= y,
}


class Case(unittest.TestCase):
    def assert_same(self, found, expected):
        """Byte for byte. assertEqual would print differences of megabytes."""
        if not same(found, expected):
            self.fail("not the explicit payload: %s" % "; ".join(differences(found, expected)))

    def each(self, indexes, check):
        for index in indexes:
            for value in index.values:
                with self.subTest(index=index.name, value=value):
                    check(index.name, value)

    def decrypted(self, name, value):
        command = CRYPT.decrypt(encrypt({"insert": name, "documents": [{"f": value}]}))
        self.assertIn(encode({"f": value}), command)


def same(found, expected):
    """In types and order, too."""
    return bson.encode({"v": found}) == bson.encode({"v": expected})


def differences(found, expected, path=""):
    """The places where two payloads differ, without their tokens."""
    if type(found) is type(expected) and isinstance(found, (list, tuple, dict)) and len(found) == len(expected):
        names = found if isinstance(found, dict) else range(len(found))
        if all(not isinstance(found, dict) or name in expected for name in names):
            return [d for name in names for d in differences(found[name], expected[name], "%s.%s" % (path, name))][:5]
    return [] if same(found, expected) else ["%s is %s, not %s" % (path, brief(found), brief(expected))]


def brief(value):
    if isinstance(value, dict):
        return "{%s}" % " ".join(value)
    if isinstance(value, (list, tuple)):
        return "[%d]" % len(value)
    return "%s (%s)" % (repr(value)[:60], type(value).__name__)


class Writes(Case):
    """Values of every type, for every index, wherever they are stored."""

    def ciphertext(self, name, value):
        self.assertEqual(stored(name, value)[0], UNINDEXED)

    def as_explicit(self, name, value):
        kind, payload = stored(name, value)
        self.assertEqual(kind, INSERT)
        if contention(name) == 0:
            self.assert_same(without_random((kind, payload)), without_random(explicit_write(name, value)))
        else:
            self.assertLessEqual(payload["k"], contention(name))

    def test_every_type_without_an_index_is_ciphertext(self):
        self.each(cases.UNINDEXED, self.ciphertext)

    def test_every_value_of_every_index_is_the_explicit_payload(self):
        self.each(cases.EQUALITY + cases.RANGE + cases.TRIMMED + cases.TEXT, self.as_explicit)

    def test_every_value_is_decrypted_as_it_was(self):
        self.each(cases.WRITABLE, self.decrypted)

    def test_every_command_stores_the_same(self):
        for index in (cases.UNINDEXED[0], cases.EQUALITY[0], cases.RANGE[1], cases.TEXT[0]):
            value = index.values[0]
            expected = stored(index.name, value)
            for command, build in cases.WRITE_COMMANDS.items():
                with self.subTest(index=index.name, command=command):
                    payload, = automatic(build(index.name, {"f": value}))
                    self.assertEqual(payload[0], expected[0])
                    if payload[0] == INSERT:
                        self.assert_same(without_random(payload), without_random(expected))


class Csfle(Case):
    """Client-side field level encryption: the values of jsonSchema's encrypt."""

    def as_explicit(self, name, value):
        payload, expected = stored(name, value), explicit(name, value, INDEXES[name].queries)[0]
        if payload[0] == DETERMINISTIC:
            self.assertEqual(payload, expected)
        else:
            self.assertEqual((payload[0], len(payload[1])), (RANDOMISED, len(expected[1])))

    def test_every_value_is_as_explicitly_encrypted(self):
        self.each(cases.CSFLE, self.as_explicit)

    def test_every_value_is_decrypted_as_it_was(self):
        self.each(cases.CSFLE, self.decrypted)

    def test_every_filter_on_every_deterministic_type(self):
        for index in cases.CSFLE:
            if index.queries != cases.DETERMINISTIC or index.bson_type in cases.NO_COMPARISON:
                continue
            for form, build in cases.EQUALITY_FILTERS.items():
                with self.subTest(index=index.name, filter=form):
                    query, values = build(index.values[0], index.values[-1])
                    found = automatic({"find": index.name, "filter": query})
                    self.assertEqual(found, [explicit(index.name, value, index.queries)[0] for value in values])


class Equality(Case):
    def compare(self, name, command, values):
        expected = [explicit(name, value, "Indexed", query_type="equality")[0] for value in values]
        found = automatic(command)
        self.assert_same(found, expected)
        self.assertEqual({kind for kind, _ in found}, {FIND_EQUALITY})

    def test_every_filter_on_every_type(self):
        for index in cases.EQUALITY:
            if index.bson_type in cases.NO_COMPARISON:
                continue
            for form, build in cases.EQUALITY_FILTERS.items():
                with self.subTest(index=index.name, filter=form):
                    query, values = build(index.values[0], index.values[-1])
                    self.compare(index.name, {"find": index.name, "filter": query}, values)

    def test_every_command(self):
        for (command, place), (form, build) in itertools.product(cases.FILTER_COMMANDS.items(), cases.EQUALITY_FILTERS.items()):
            with self.subTest(command=command, filter=form):
                query, values = build("x", "y")
                self.compare("equality-string", place("equality-string", query), values)

    def test_a_find_has_the_token_of_the_documents_that_it_finds(self):
        found = automatic({"find": "equality-int", "filter": {"f": -1}})
        self.assertEqual([matches(stored("equality-int", v), found) for v in (-1, 0)], [True, False])


class Ranges(Case):
    def compare(self, name, command, ranges, in_expression=False):
        found = automatic(command)
        expected = joined(explicit_range(name, bounds, in_expression) for bounds in ranges)
        self.assert_same(renumbered(found), expected)
        self.assertEqual({kind for kind, _ in found}, {FIND_RANGE})

    def test_every_filter_on_every_index(self):
        for index, (form, build) in itertools.product(cases.RANGE, cases.RANGE_FILTERS.items()):
            with self.subTest(index=index.name, filter=form):
                query, ranges = build(index.values[0], index.values[1])
                self.compare(index.name, {"find": index.name, "filter": query}, ranges, "$expr" in query)

    def test_every_command(self):
        for (command, place), (form, build) in itertools.product(cases.FILTER_COMMANDS.items(), cases.RANGE_FILTERS.items()):
            with self.subTest(command=command, filter=form):
                query, ranges = build(5, 9)
                self.compare("range-int-bounds", place("range-int-bounds", query), ranges, "$expr" in query)

    def test_the_lower_bound_carries_the_edges_where_it_stands_second(self):
        # Explicit encryption takes them in the order written; the edges are the same.
        found = automatic({"find": "range-int", "filter": {"f": {"$lt": 9, "$gte": 5}}})
        expected = joined([explicit_range("range-int", [("$gte", 5), ("$lt", 9)])])
        self.assert_same(found, expected[::-1])

    def test_several_statements_count_their_ranges_together(self):
        deletes = [{"q": {"f": {"$gte": 5, "$lt": 9}}, "limit": 1}, {"q": {"f": {"$gt": 7}}, "limit": 1}]
        found = automatic({"delete": "range-int", "deletes": deletes})
        expected = joined(explicit_range("range-int", bounds) for bounds in ([("$gte", 5), ("$lt", 9)], [("$gt", 7)]))
        self.assert_same(found, expected)

    def test_bounds_at_the_ends_of_the_domain(self):
        for name, low, high in (("range-int-bounds", -1000, 1000), ("range-int", -(2**31), 2**31 - 1)):
            for operator, value in itertools.product(("$gte", "$lte"), (low, high)):
                with self.subTest(index=name, operator=operator, value=value):
                    self.compare(name, {"find": name, "filter": {"f": {operator: value}}}, [[(operator, value)]])

    def test_more_digits_than_the_precision(self):
        for name, value in (("range-double-precision-2", 1.239), ("range-decimal-precision-2", bson.Decimal128("1.239"))):
            for operator in COMPARE:
                with self.subTest(index=name, operator=operator):
                    self.compare(name, {"find": name, "filter": {"f": {operator: value}}}, [[(operator, value)]])

    def test_an_int_in_a_comparison_with_a_long_index_is_the_long(self):
        expected = joined([explicit_range("range-long", [("$gt", bson.Int64(5))])])
        self.assert_same(automatic({"find": "range-long", "filter": {"f": {"$gt": 5}}}), expected)

    def test_a_find_has_a_token_of_exactly_the_documents_that_it_finds(self):
        for index in cases.RANGE:
            if contention(index.name) != 0:
                continue
            documents = [(value, stored(index.name, value)) for value in index.values]
            for operator, bound in itertools.product(COMPARE, index.values):
                self.finds(index.name, documents, operator, bound)

    def finds(self, name, documents, operator, bound):
        def order(value):
            return value.to_decimal() if isinstance(value, bson.Decimal128) else value

        with self.subTest(index=name, operator=operator, bound=bound):
            expected = [value for value, _ in documents if COMPARE[operator](order(value), order(bound))]
            if expected:  # else it may be a bound that leaves nothing of the domain, which is refused
                found = automatic({"find": name, "filter": {"f": {operator: bound}}})
                self.assertEqual([value for value, document in documents if matches(document, found)], expected)


class Text(Case):
    def explicit_find(self, name, operator, argument):
        kind = cases.TEXT_OPERATORS[operator][1]
        return explicit(name, argument, query_type=kind, **algorithm(name))

    def test_every_operator(self):
        for name, operator, argument, _ in cases.TEXT_QUERIES:
            name = "text-" + name
            with self.subTest(index=name, operator=operator, argument=argument):
                found = automatic({"find": name, "filter": cases.finds(operator, "$f", argument)})
                self.assertEqual([kind for kind, _ in found], [FIND_TEXT])
                # Explicit encryption knows no $encStrNormalizedEq; what it matches is tested below.
                if operator != "$encStrNormalizedEq":
                    self.assert_same(found, self.explicit_find(name, operator, argument))

    def test_every_command(self):
        expected = self.explicit_find("text-prefix", "$encStrStartsWith", "Caf")
        for command, place in cases.FILTER_COMMANDS.items():
            with self.subTest(command=command):
                found = automatic(place("text-prefix", cases.finds("$encStrStartsWith", "$f", "Caf")))
                self.assert_same(found, expected)

    def test_a_find_has_a_token_of_exactly_the_documents_that_it_finds(self):
        for name, operator, argument, expected in cases.TEXT_QUERIES:
            name = "text-" + name
            if contention(name) != 0:
                continue
            with self.subTest(index=name, operator=operator, argument=argument):
                found = automatic({"find": name, "filter": cases.finds(operator, "$f", argument)})
                self.assertEqual([s for s in cases.STRINGS if matches(stored(name, s), found)], expected)


class Refusals(unittest.TestCase):
    """What our analysis lets pass because libmongocrypt judges it, with a message that applications know."""

    def refused(self, message, name, **command):
        with self.subTest(index=name, message=message, **command):
            with self.assertRaises(MongoCryptError) as caught:
                automatic(command)
            self.assertIn(message, str(caught.exception))

    def test_values_out_of_bounds(self):
        for name, value, message in cases.REFUSED_WRITES:
            self.refused(message, name, insert=name, documents=[{"f": value}])

    def test_queries_that_find_nothing_or_are_too_short_or_long(self):
        for name, query, message in cases.REFUSED_FILTERS:
            self.refused(message, name, find=name, filter=query)


if __name__ == "__main__":
    sys.exit(main())
