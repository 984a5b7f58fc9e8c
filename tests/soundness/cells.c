#include "cells.h"

#include <string.h>

/* Letters by site: plain, deterministic, random, unindexed, equality, range, text, above, below, array, joined,
 * unknown, dropped. The rules behind them: analysis.md, "Filters" and "Updates"; aggregation.md, "Stages" and
 * "Expressions". */
#define PLAIN_ONLY "arrrrrrrrr-r-" /* whatever would look at a value */
#define STORED     "arrrrrrrr----" /* the same, where a pipeline has not been yet */
#define CARRIED    "aaaaaaaara-a-" /* a value that goes on as it is */
#define KEY        "aarrrrrrrr-r-" /* what documents are grouped by */
#define WRITTEN    "aaaaaaaar----" /* a path that is written over */
#define ANY        "aaaaaaaaaa-a-"
#define ONCE       "a------------"
#define NEVER      "r------------"

static const cell_row fixed_rows[] = {
    /* clang-format off */
    {F_MATCH, "(equality)", "", "abrrbbrbrrbrr"}, {F_MATCH, "$eq", "", "abrrbbrbrrbrr"}, {F_MATCH, "$ne", "", "abrrbbrbrrrrr"},
    {F_MATCH, "$in", "", "abrrbbrbrrbrr"}, {F_MATCH, "$nin", "", "abrrbbrbrrrrr"}, {F_MATCH, "$exists", "", "aaaaaaaaraaaa"},
    {F_MATCH, "$gt", "", "arrrrbrbrrrrr"}, {F_MATCH, "$gte", "", "arrrrbrbrrrrr"}, {F_MATCH, "$lt", "", "arrrrbrbrrrrr"},
    {F_MATCH, "$lte", "", "arrrrbrbrrrrr"}, {F_MATCH, "(regex)", "", "arrrrrrarrrr-"}, {F_MATCH, "$regex", "", "arrrrrrarrrr-"},
    {F_MATCH, "$options", "", "arrrrrrarrrr-"}, {F_MATCH, "$type", "", "arrrrrrarrrr-"}, {F_MATCH, "$mod", "", "arrrrrrarrrr-"},
    {F_MATCH, "$size", "", "arrrrrraraar-"}, {F_MATCH, "$bitsAllClear", "", "arrrrrrarrrr-"},
    {F_MATCH, "$bitsAllSet", "", "arrrrrrarrrr-"}, {F_MATCH, "$bitsAnyClear", "", "arrrrrrarrrr-"},
    {F_MATCH, "$bitsAnySet", "", "arrrrrrarrrr-"}, {F_MATCH, "$elemMatch", "", "arrrrrrrrrrr-"}, {F_MATCH, "$all", "", "arrrrrrrrrrr-"},
    {F_MATCH, "$geoWithin", "", "arrrrrrrrrrr-"}, {F_MATCH, "$geoIntersects", "", "arrrrrrrrrrr-"}, {F_MATCH, "$near", "", "arrrrrrrrrrr-"},
    {F_MATCH, "$nearSphere", "", "arrrrrrrrrrr-"}, {F_MATCH, "$within", "", "arrrrrrrrrrr-"}, {F_MATCH, "$maxDistance", "", "arrrrrrrrrrr-"},
    {F_MATCH, "$minDistance", "", "arrrrrrrrrrr-"}, {F_MATCH, "$uniqueDocs", "", "arrrrrrrrrrr-"},
    {F_MATCH, "$geometry", "", NEVER}, {F_MATCH, "$center", "", NEVER}, {F_MATCH, "$box", "", NEVER}, {F_MATCH, "$polygon", "", NEVER},
    {F_MATCH, "$centerSphere", "", NEVER}, {F_MATCH, "$unheardOf", "", NEVER},
    {F_EXPRESSION, "(unknown variable)", "", NEVER}, {F_EXPRESSION, "(unknown operand)", "", NEVER}, {F_EXPRESSION, "(bound CURRENT)", "", NEVER}, {F_TREE, "$and", "", ONCE}, {F_TREE, "$or", "", ONCE}, {F_TREE, "$nor", "", ONCE}, {F_TREE, "$not", "", "abrrbbrbrrrrr"},
    {F_TREE, "$expr", "", "arrrrrrrrr-r-"}, {F_TREE, "$comment", "", ONCE}, {F_TREE, "$sampleRate", "", ONCE},
    {F_TREE, "$alwaysTrue", "", ONCE}, {F_TREE, "$alwaysFalse", "", ONCE}, {F_TREE, "$text", "", NEVER}, {F_TREE, "$where", "", NEVER},
    {F_TREE, "$jsonSchema", "", NEVER}, {F_TREE, "$unheardOf", "", NEVER},

    {F_STAGE, "$redact", "(descending)", "arr-rr-------"}, {F_STAGE, "$sort", "", "arrrrrrrrrrra"}, {F_STAGE, "$project", "include", "aaaaaaaaaaaaa"}, {F_STAGE, "$project", "exclude", "aaaaaaaaaaaaa"},
    {F_STAGE, "$project", "path", WRITTEN}, {F_STAGE, "$project", "value", CARRIED}, {F_STAGE, "$addFields", "path", WRITTEN},
    {F_STAGE, "$addFields", "value", CARRIED}, {F_STAGE, "$set", "path", WRITTEN}, {F_STAGE, "$set", "value", CARRIED},
    {F_STAGE, "$unset", "", "aaaaaaaaaaaaa"}, {F_STAGE, "$replaceRoot", "", "arrrrrrarr-r-"}, {F_STAGE, "$replaceWith", "", "arrrrrrarr-r-"},
    {F_STAGE, "$group", "_id", KEY}, {F_STAGE, "$sortByCount", "", KEY}, {F_STAGE, "$bucket", "groupBy", PLAIN_ONLY},
    {F_STAGE, "$bucketAuto", "groupBy", PLAIN_ONLY}, {F_STAGE, "$count", "", ONCE}, {F_STAGE, "$limit", "", ONCE}, {F_STAGE, "$skip", "", ONCE},
    {F_STAGE, "$sample", "", ONCE}, {F_STAGE, "$unwind", "path", "arrrrrrrrarra"}, {F_STAGE, "$unwind", "includeArrayIndex", WRITTEN},
    {F_STAGE, "$redact", "", PLAIN_ONLY}, {F_STAGE, "$geoNear", "key", STORED}, {F_STAGE, "$geoNear", "distanceField", STORED},
    {F_STAGE, "$geoNear", "includeLocs", STORED}, {F_STAGE, "$geoNear", "query", ONCE}, {F_STAGE, "$lookup", "localField", "abrrrrrrrrrra"},
    {F_STAGE, "$lookup", "foreignField", "abrrrrrrr----"}, {F_STAGE, "$lookup", "as", WRITTEN}, {F_STAGE, "$lookup", "let", PLAIN_ONLY},
    {F_STAGE, "$lookup", "pipeline", ONCE}, {F_STAGE, "$lookup", "from", "b------------"}, {F_STAGE, "$graphLookup", "startWith", "abrrrrrrrr-r-"},
    {F_STAGE, "$graphLookup", "connectFromField", "abrrrrrrr----"}, {F_STAGE, "$graphLookup", "connectToField", "abrrrrrrr----"},
    {F_STAGE, "$graphLookup", "as", WRITTEN}, {F_STAGE, "$graphLookup", "depthField", ONCE}, {F_STAGE, "$graphLookup", "from", "b------------"},
    {F_STAGE, "$graphLookup", "restrictSearchWithMatch", ONCE}, {F_STAGE, "$facet", "", ONCE}, {F_STAGE, "$unionWith", "", "b------------"},
    {F_STAGE, "$setWindowFields", "partitionBy", KEY}, {F_STAGE, "$setWindowFields", "sortBy", "arrrrrrrrrrra"},
    {F_STAGE, "$setWindowFields", "path", WRITTEN}, {F_STAGE, "$densify", "field", "arrrrrrrrrrra"},
    {F_STAGE, "$densify", "partitionByFields", "aarrrrrrrrrra"}, {F_STAGE, "$fill", "sortBy", "arrrrrrrrrrra"},
    {F_STAGE, "$fill", "partitionBy", KEY}, {F_STAGE, "$fill", "partitionByFields", "aarrrrrrrrrra"}, {F_STAGE, "$fill", "output", "arrrrrrrrrrra"},
    {F_STAGE, "$fill", "value", PLAIN_ONLY}, {F_STAGE, "$search", "path", STORED}, {F_STAGE, "$search", "sort", STORED},
    {F_STAGE, "$search", "hidden", NEVER}, {F_STAGE, "$searchMeta", "path", STORED}, {F_STAGE, "$searchMeta", "hidden", NEVER},
    {F_STAGE, "$vectorSearch", "path", STORED}, {F_STAGE, "$vectorSearch", "filter", STORED}, {F_STAGE, "$rankFusion", "", "b------------"},
    {F_STAGE, "$scoreFusion", "", "b------------"}, {F_STAGE, "$collStats", "", "b------------"}, {F_STAGE, "$indexStats", "", "b------------"},
    {F_STAGE, "$listSearchIndexes", "", "b------------"}, {F_STAGE, "$changeStream", "", "b------------"}, {F_STAGE, "$documents", "", NEVER},
    {F_STAGE, "$out", "", "b------------"}, {F_STAGE, "$merge", "", "b------------"}, {F_STAGE, "$listSampledQueries", "", NEVER},
    {F_STAGE, "$querySettings", "", NEVER}, {F_STAGE, "$shardedDataDistribution", "", NEVER}, {F_STAGE, "$queryStats", "", NEVER},
    {F_STAGE, "$unheardOf", "", NEVER}, {F_STAGE, "(two names)", "", NEVER}, 
    {F_STAGE, "(QE in a facet)", "", "----rr-------"}, {F_STAGE, "(QE in a view)", "", "----rr-------"}, {F_STAGE, "(QE in a union)", "", "----rr-------"},
    {F_STAGE, "(view)", "", "b------------"},

    {F_UPDATE, "$set", "", "abbbbbbbr----"}, {F_UPDATE, "$setOnInsert", "", "abbbbbbbr----"}, {F_UPDATE, "$unset", "", "aaaaaaaar----"},
    {F_UPDATE, "$rename", "", "abrrrrrrr----"}, {F_UPDATE, "$inc", "", STORED}, {F_UPDATE, "$mul", "", STORED}, {F_UPDATE, "$min", "", STORED},
    {F_UPDATE, "$max", "", STORED}, {F_UPDATE, "$currentDate", "", STORED}, {F_UPDATE, "$bit", "", STORED}, {F_UPDATE, "$push", "", STORED},
    {F_UPDATE, "$pull", "", STORED}, {F_UPDATE, "$pullAll", "", STORED}, {F_UPDATE, "$pop", "", STORED}, {F_UPDATE, "$addToSet", "", STORED},
    {F_UPDATE, "$pushAll", "", STORED}, {F_UPDATE, "$unheardOf", "", NEVER}, {F_UPDATE, "(positional)", "", STORED},
    {F_UPDATE, "(pipeline)", "$set", "abbrrrr-r----"}, {F_UPDATE, "(pipeline)", "$unset", "aaarrrra-----"},
    {F_UPDATE, "(pipeline)", "$unset, $set", "aaarrrr------"}, {F_UPDATE, "(pipeline)", "value", "arrrrrrrr----"},
    {F_UPDATE, "(replacement)", "", "abbbbbbb-----"}, {F_UPDATE, "(operator in a replacement)", "", NEVER},
    {F_COMMAND, "find", "filter", ONCE}, {F_COMMAND, "find", "projection", "aaaaaaaaa----"}, {F_COMMAND, "find", "$slice", STORED},
    {F_COMMAND, "find", "sort", STORED}, {F_COMMAND, "find", "min", STORED}, {F_COMMAND, "find", "max", STORED},
    {F_COMMAND, "findAndModify", "fields", "aaaaaaaaa----"}, {F_COMMAND, "findAndModify", "sort", STORED}, {F_COMMAND, "distinct", "key", "aarrrrrrr----"},
    {F_COMMAND, "createIndexes", "key", "aarrrrrar----"}, {F_COMMAND, "createIndexes", "partialFilterExpression", "abrrrrrar----"},
    {F_COMMAND, "createIndexes", "expireAfterSeconds", "arrrrrrar----"}, {F_COMMAND, "create", "validator", "abrrrrrar----"},
    {F_COMMAND, "collMod", "validator", "abrrrrrar----"}, {F_COMMAND, "insert", "documents", "abbbbbbb-----"}, {F_COMMAND, "aggregate", "exchange", NEVER},
    {F_COMMAND, "(payload)", "", "---bbbb------"}, {F_COMMAND, "(unknown field)", "", NEVER}, {F_COMMAND, "(wrong type)", "", NEVER}, {F_COMMAND, "(incomplete)", "", NEVER},
    {F_COMMAND, "(other namespace)", "", NEVER}, {F_COMMAND, "(other version)", "", NEVER}, {F_COMMAND, "find", "(computed)", WRITTEN}, {F_COMMAND, "(forged)", "", NEVER},
    /* clang-format on */
};

/* Operands of which more is known than that only plain values may stand there. */
static const cell_row special[] = {
    /* clang-format off */
    {F_EXPRESSION, "$eq", "", "abrrrrrrrr-rr"}, {F_EXPRESSION, "$ne", "", "abrrrrrrrr-rr"}, {F_EXPRESSION, "$in", "", "abrrrrrrrr-rr"},
    {F_EXPRESSION, "$cond", "then", CARRIED}, {F_EXPRESSION, "$cond", "else", CARRIED}, {F_EXPRESSION, "$ifNull", "", CARRIED},
    {F_EXPRESSION, "$switch", "branches", PLAIN_ONLY}, {F_EXPRESSION, "$switch", "default", CARRIED}, {F_EXPRESSION, "$let", "in", CARRIED},
    {F_EXPRESSION, "$map", "in", CARRIED}, {F_EXPRESSION, "$size", "", "arrrrrrrra-r-"}, {F_EXPRESSION, "$isArray", "", "arrrrrrrra-r-"},
    {F_EXPRESSION, "$first", "", "arrrrrrrra-r-"}, {F_EXPRESSION, "$last", "", "arrrrrrrra-r-"}, {F_EXPRESSION, "$arrayElemAt", "", "arrrrrrrra-r-"},
    {F_EXPRESSION, "$getField", "input", "arrrrrr-rr-r-"}, {F_EXPRESSION, "$setField", "input", "arrrrrr-rr-r-"},
    {F_EXPRESSION, "$setField", "value", "a------------"}, {F_EXPRESSION, "$unsetField", "input", "arrrrrr-rr-r-"}, {F_EXPRESSION, "$mergeObjects", "", "arrrrrr-rr-r-"},
    {F_EXPRESSION, "$encStrContains", "input", "------b------"}, {F_EXPRESSION, "$encStrEndsWith", "input", "------b------"},
    {F_EXPRESSION, "$encStrNormalizedEq", "input", "------b------"}, {F_EXPRESSION, "$encStrStartsWith", "input", "------b------"},
    {F_EXPRESSION, "$encStrContains", "substring", "-------------"}, {F_EXPRESSION, "$encStrEndsWith", "suffix", "-------------"},
    {F_EXPRESSION, "$encStrNormalizedEq", "string", "-------------"}, {F_EXPRESSION, "$encStrStartsWith", "prefix", "-------------"},
    {F_ACCUMULATOR, "$push", "", CARRIED}, {F_ACCUMULATOR, "$first", "", CARRIED}, {F_ACCUMULATOR, "$last", "", CARRIED},
    {F_ACCUMULATOR, "$addToSet", "", KEY}, {F_WINDOW, "$push", "", CARRIED}, {F_WINDOW, "$first", "", CARRIED}, {F_WINDOW, "$last", "", CARRIED},
    {F_WINDOW, "$addToSet", "", KEY}, {F_WINDOW, "$shift", "output", CARRIED}, {F_WINDOW, "$shift", "default", CARRIED},
    /* clang-format on */
};

static const char *wanted_of(family f, const char *name, const char *operand) {
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (special[i].family == f && strcmp(special[i].name, name) == 0 && strcmp(special[i].operand, operand) == 0)
            return special[i].wanted;
    return PLAIN_ONLY;
}

static uint32_t hash(family f, const char *name, const char *operand) {
    uint32_t h = 2166136261u ^ (uint32_t)f;
    for (const char *c = name; *c; c++)
        h = (h ^ (uint8_t)*c) * 16777619u;
    for (const char *c = operand; *c; c++)
        h = (h ^ (uint8_t)*c) * 16777619u;
    return h;
}

static short *slot(const cells *c, family f, const char *name, const char *operand) {
    for (uint32_t h = hash(f, name, operand);; h++) {
        const short *at = &c->hashed[h % (sizeof c->hashed / sizeof *c->hashed)];
        if (!*at)
            return (short *)(uintptr_t)at;
        const cell_row *row = &c->rows[*at - 1];
        if (row->family == f && strcmp(row->name, name) == 0 && strcmp(row->operand, operand) == 0)
            return (short *)(uintptr_t)at;
    }
}

int cells_find(const cells *c, family f, const char *name, const char *operand) {
    return *slot(c, f, name, operand) - 1;
}

static void add(cells *c, cell_row row) {
    short *at = slot(c, row.family, row.name, row.operand);
    if (*at || c->count == MAX_ROWS)
        return;
    c->rows[c->count++] = row;
    *at = (short)c->count;
}

static void add_operators(cells *c, pool *p, family f, const operator_row *table, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        const operator_row *of = &table[i];
        const char *names = of->operands, *name;
        bool constant;
        if (of->shape == SHAPE_OPAQUE || of->shape == SHAPE_REFUSED)
            add(c, (cell_row){f, of->name, "", of->shape == SHAPE_OPAQUE ? ONCE : NEVER});
        if (of->shape == SHAPE_LIST)
            add(c, (cell_row){f, of->name, "", wanted_of(f, of->name, "")});
        while (of->operands && (name = operand_next(p, &names, &constant)))
            if (!constant)
                add(c, (cell_row){f, of->name, name, wanted_of(f, of->name, name)});
    }
    add(c, (cell_row){f, "$unheardOf", "", NEVER});
}

/* What may be compared after them, and whether they may stand in an update. */
static void add_stage_kinds(cells *c) {
    static const char *const then[] = {
        [LEAVES_ALL] = "-a--aa-------", [LEAVES_NONE] = "-------------", [LEAVES_FOREIGN] = "-a--rr-------"};
    for (unsigned i = 0; i < stage_kind_count; i++) {
        add(c, (cell_row){F_STAGE, stage_kinds[i].name, "(then compared)", then[stage_kinds[i].leaves]});
        add(c, (cell_row){F_STAGE, stage_kinds[i].name, "(in an update)", stage_kinds[i].in_update ? ONCE : NEVER});
    }
}

static void add_stages(cells *c) {
    static const char *const malformed[] = {"$project",     "$group", "$sortByCount", "$count",           "$facet",
                                            "$replaceWith", "$limit", "$skip",        "$setWindowFields", "$unwind"};
    add_stage_kinds(c);
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        add(c, (cell_row){F_STAGE, malformed[i], "(malformed)", NEVER});
    for (unsigned i = 0; i < stage_option_count; i++) {
        add(c, (cell_row){F_STAGE, stage_options[i].name, "(unknown)", NEVER});
        if (*stage_options[i].needed)
            add(c, (cell_row){F_STAGE, stage_options[i].name, "(incomplete)", NEVER});
        if (*stage_options[i].options)
            add(c, (cell_row){F_STAGE, stage_options[i].name, "(duplicate)", NEVER});
    }
}

static void add_commands(cells *c, pool *p) {
    for (unsigned i = 0; i < command_count; i++) {
        const char *names = command_table[i].fields, *name;
        bool constant;
        while ((name = operand_next(p, &names, &constant)))
            add(c, (cell_row){F_COMMAND, command_table[i].name, name, ONCE});
    }
}

void cells_make(cells *c, pool *p) {
    memset(c, 0, sizeof *c);
    for (size_t i = 0; i < sizeof fixed_rows / sizeof *fixed_rows; i++)
        add(c, fixed_rows[i]);
    add_stages(c);
    add_operators(c, p, F_EXPRESSION, expression_table, expression_count);
    add_operators(c, p, F_ACCUMULATOR, accumulator_table, accumulator_count);
    add_operators(c, p, F_WINDOW, accumulator_table, accumulator_count);
    add_operators(c, p, F_WINDOW, window_table, window_count);
    add_commands(c, p);
}

void cells_count(cells *c, cell reached, bool accepted) {
    if (reached.row >= 0)
        (accepted ? c->accepted : c->refused)[reached.row][reached.site]++;
}

static bool lacks(const cells *c, unsigned row, site s, bool accepted) {
    char wanted = c->rows[row].wanted[s];
    return (wanted == 'b' || wanted == (accepted ? 'a' : 'r')) && !(accepted ? c->accepted : c->refused)[row][s];
}

bool cells_complete(const cells *c, unsigned row, site s) {
    return !lacks(c, row, s, true) && !lacks(c, row, s, false);
}

static const char *const site_names[SITES] = {"plain",  "deterministic", "random", "unindexed", "equality",
                                              "range",  "text",          "above",  "below",     "array",
                                              "joined", "unknown",       "dropped"};
static const char *const family_names[FAMILIES] = {"match operators", "tree operators",   "stages",  "expressions",
                                                   "accumulators",    "window functions", "updates", "commands"};

static void print_cell(const cells *c, unsigned row, site s, FILE *out) {
    bool accepted = c->accepted[row][s], refused = c->refused[row][s];
    const char *seen = accepted && refused ? "ar" : accepted ? "a" : refused ? "r" : "";
    fprintf(out, " %4s%-3s", seen, cells_complete(c, row, s) ? "" : "!");
}

void cells_print(const cells *c, FILE *out) {
    fputs("\nreached with a: acceptance, r: refusal; !: not as it should be\n", out);
    for (unsigned i = 0; i < c->count; i++) {
        const cell_row *row = &c->rows[i];
        if (i == 0 || row->family != c->rows[i - 1].family) {
            fprintf(out, "\n%-38s", family_names[row->family]);
            for (unsigned s = 0; s < SITES; s++)
                fprintf(out, " %7.7s", site_names[s]);
            fputc('\n', out);
        }
        fprintf(out, "%-19s %-18s", row->name, row->operand);
        for (unsigned s = 0; s < SITES; s++)
            print_cell(c, i, s, out);
        fputc('\n', out);
    }
}

bool cells_floor(const cells *c, double percent, FILE *out) {
    unsigned wanted = 0, missing = 0;
    for (unsigned i = 0; i < c->count; i++)
        for (unsigned s = 0; s < SITES; s++)
            for (int accepted = 0; accepted < 2; accepted++) {
                char letter = c->rows[i].wanted[s];
                wanted += letter == 'b' || letter == (accepted ? 'a' : 'r');
                if (!lacks(c, i, s, accepted))
                    continue;
                missing++;
                fprintf(out, "floor: %s: %s %s at %s was never %s\n", family_names[c->rows[i].family], c->rows[i].name,
                        c->rows[i].operand, site_names[s], accepted ? "accepted" : "refused");
            }
    double reached = wanted ? 100.0 * (wanted - missing) / wanted : 100;
    fprintf(out, "floor: %.2f %% of %u cells were reached, %.2f %% are wanted\n", reached, wanted, percent);
    return reached >= percent;
}
