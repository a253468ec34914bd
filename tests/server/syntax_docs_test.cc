#include "server/syntax_docs.h"

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cartwheel::server {
namespace {

// An argument as one readable text: flags in front, "name:type", its token, its parts.
std::string Show(const std::vector<ArgumentDoc>& arguments);

std::string Show(const ArgumentDoc& argument) {
  std::string text;
  if (argument.optional) text += "?";
  if (argument.multiple) text += argument.multiple_token ? "**" : "*";
  text += argument.name + ":" + std::string(argument.type);
  if (argument.key_spec_index >= 0) text += std::to_string(argument.key_spec_index);
  if (!argument.token.empty()) text += "=" + std::string(argument.token);
  if (!argument.arguments.empty()) text += "(" + Show(argument.arguments) + ")";
  return text;
}

std::string Show(const std::vector<ArgumentDoc>& arguments) {
  std::string text;
  for (const ArgumentDoc& argument : arguments) {
    if (!text.empty()) text += " ";
    text += Show(argument);
  }
  return text;
}

std::string Parsed(std::string_view syntax) {
  auto arguments = ParseSyntax(syntax);
  return arguments ? Show(*arguments) : "ill-formed";
}

std::string ArgumentsOf(std::string_view command) {
  return Show(ArgumentsOf(*FindCommand(command)));
}

TEST(SyntaxDocs, ValuesHaveTheTypeOfTheirName) {
  EXPECT_EQ(Parsed("key"), "key:key");
  EXPECT_EQ(Parsed("value seconds unix-time-seconds pattern float-increment"),
            "value:string seconds:integer unix-time-seconds:unix-time pattern:pattern "
            "float-increment:double");
}

TEST(SyntaxDocs, TokensTakeTheValuesBehindThem) {
  EXPECT_EQ(Parsed("NX"), "nx:pure-token=NX");
  EXPECT_EQ(Parsed("EX seconds"), "seconds:integer=EX");
  EXPECT_EQ(Parsed("AUTH username password"), "auth:block=AUTH(username:string password:string)");
  EXPECT_EQ(Parsed("TYPE <NORMAL | PUBSUB>"),
            "type:oneof=TYPE(normal:pure-token=NORMAL pubsub:pure-token=PUBSUB)");
}

TEST(SyntaxDocs, BracketsAreOptional) {
  EXPECT_EQ(Parsed("[message]"), "?message:string");
  EXPECT_EQ(Parsed("[NX | XX]"), "?option:oneof(nx:pure-token=NX xx:pure-token=XX)");
  EXPECT_EQ(Parsed("[start [end]]"), "?start:block(start:integer ?end:integer)");
}

TEST(SyntaxDocs, RepetitionsMarkWhatTheyRepeat) {
  EXPECT_EQ(Parsed("key [key ...]"), "*key:key");
  EXPECT_EQ(Parsed("key value [key value ...]"), "*key_value:block(key:key value:string)");
  EXPECT_EQ(Parsed("[channel [channel ...]]"), "?*channel:string");
  EXPECT_EQ(Parsed("[ID client-id [client-id ...]]"), "?*client-id:integer=ID");
  EXPECT_EQ(Parsed("[GET encoding offset [GET encoding offset ...]]"),
            "?**get:block=GET(encoding:string offset:integer)");
  EXPECT_EQ(Parsed("[<A | B> ...]"), "?*option:oneof(a:pure-token=A b:pure-token=B)");
}

TEST(SyntaxDocs, RefusesIllFormedSyntax) {
  for (std::string_view syntax : {"[", "]", "<a", "a>", "[]", "[a |]", "[| a]", "...", "a ...",
                                  "a | b", "[a b", "<a]", "[a ... b]", "TYPE <"}) {
    EXPECT_EQ(Parsed(syntax), "ill-formed") << syntax;
  }
}

TEST(SyntaxDocs, EveryRowOfTheTableParses) {
  for (const Command& row : CommandTable()) {
    auto arguments = ParseSyntax(row.syntax);
    ASSERT_TRUE(arguments.has_value()) << row.name << ": " << row.syntax;
    EXPECT_EQ(arguments->empty(), row.syntax.empty()) << row.name;
  }
}

TEST(SyntaxDocs, RowsWithKeysNameThem) {
  for (const Command& row : CommandTable()) {
    bool has_keys = row.keys.first != 0 && !(row.keys.flags & kKeyNotKey);
    bool names_keys = Show(ArgumentsOf(row)).contains(":key0");
    EXPECT_EQ(has_keys, names_keys) << row.name << ": " << row.syntax;
  }
}

TEST(SyntaxDocs, KeysCarryTheirSpecification) {
  EXPECT_EQ(ArgumentsOf("mset"), "*key_value:block(key:key0 value:string)");
  EXPECT_EQ(ArgumentsOf("rename"), "key:key0 newkey:key1");
  EXPECT_EQ(ArgumentsOf("lcs"),
            "key1:key0 key2:key0 ?len:pure-token=LEN ?idx:pure-token=IDX "
            "?length:integer=MINMATCHLEN ?withmatchlen:pure-token=WITHMATCHLEN");
  EXPECT_EQ(ArgumentsOf("bitop"),
            "option:oneof(and:pure-token=AND or:pure-token=OR xor:pure-token=XOR "
            "not:pure-token=NOT) destkey:key0 *key:key1");
}

TEST(SyntaxDocs, DescribesNestedOptions) {
  EXPECT_EQ(ArgumentsOf("hello"),
            "?protover:block(protover:integer ?auth:block=AUTH(username:string password:string) "
            "?clientname:string=SETNAME)");
  EXPECT_EQ(ArgumentsOf("bitfield"),
            "key:key0 ?*option:oneof(get:block=GET(encoding:string offset:integer) "
            "option:block(?overflow:oneof=OVERFLOW(wrap:pure-token=WRAP sat:pure-token=SAT "
            "fail:pure-token=FAIL) option:oneof(set:block=SET(encoding:string offset:integer "
            "value:string) incrby:block=INCRBY(encoding:string offset:integer "
            "increment:integer))))");
}

}  // namespace
}  // namespace cartwheel::server
