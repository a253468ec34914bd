// COMMAND and HELP as clients see them.
#include "server/commands/command_reply.h"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/server_tester.h"

namespace cartwheel::server {
namespace {

using ::testing::HasSubstr;

std::string Info(std::string_view name, resp::Protocol protocol) {
  std::string out;
  resp::ReplyWriter reply(out, protocol);
  WriteCommandInfo(reply, *FindByFullName(name));
  return out;
}

std::string Docs(std::string_view name) {
  std::string out;
  resp::ReplyWriter reply(out, resp::Protocol::kResp2);
  WriteCommandDocs(reply, *FindByFullName(name));
  return resp::ToString(resp::ReadReplies(out).value().at(0));
}

TEST(CommandReply, DescribesACommandInTenFields) {
  EXPECT_EQ(Info("get", resp::Protocol::kResp2),
            "*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"
            "*3\r\n+@read\r\n+@string\r\n+@fast\r\n*0\r\n"
            "*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n"
            "$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n"
            "*2\r\n$5\r\nindex\r\n:1\r\n"
            "$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n"
            "*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n"
            "*0\r\n");
}

TEST(CommandReply, UsesSetsAndMapsOfResp3) {
  EXPECT_EQ(Info("bitop", resp::Protocol::kResp3),
            "*10\r\n$5\r\nbitop\r\n:-4\r\n~2\r\n+write\r\n+denyoom\r\n:2\r\n:-1\r\n:1\r\n"
            "~3\r\n+@write\r\n+@bitmap\r\n+@slow\r\n~0\r\n"
            "~2\r\n%3\r\n$5\r\nflags\r\n~2\r\n+OW\r\n+update\r\n"
            "$12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n"
            "%1\r\n$5\r\nindex\r\n:2\r\n"
            "$9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n"
            "%3\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n"
            "%3\r\n$5\r\nflags\r\n~2\r\n+RO\r\n+access\r\n"
            "$12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n"
            "%1\r\n$5\r\nindex\r\n:3\r\n"
            "$9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n"
            "%3\r\n$7\r\nlastkey\r\n:-1\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n"
            "~0\r\n");
}

TEST(CommandReply, ContainersListTheirSubcommands) {
  EXPECT_EQ(Info("script", resp::Protocol::kResp3),
            "*10\r\n$6\r\nscript\r\n:-2\r\n~0\r\n:0\r\n:0\r\n:0\r\n~1\r\n+@slow\r\n~0\r\n~0\r\n"
            "*2\r\n" +
                Info("script|flush", resp::Protocol::kResp3) +
                Info("script|help", resp::Protocol::kResp3));
}

TEST(CommandReply, DocumentsDeprecation) {
  EXPECT_EQ(Docs("substr"),
            R"doc( 1) "summary"
 2) "Returns part of a string: the old name of GETRANGE."
 3) "since"
 4) "1.0.0"
 5) "group"
 6) "string"
 7) "complexity"
 8) "O(N), N being the bytes returned"
 9) "doc_flags"
10) 1) deprecated
11) "deprecated_since"
12) "2.0.0"
13) "replaced_by"
14) "GETRANGE"
15) "arguments"
16) 1) 1) "name"
       2) "key"
       3) "type"
       4) "key"
       5) "key_spec_index"
       6) (integer) 0
    2) 1) "name"
       2) "start"
       3) "type"
       4) "integer"
    3) 1) "name"
       2) "end"
       3) "type"
       4) "integer")doc");
}

TEST(CommandReply, DocumentsSubcommands) {
  EXPECT_EQ(Docs("script"),
            R"doc( 1) "summary"
 2) "Scripts that are kept in the server."
 3) "since"
 4) "2.6.0"
 5) "group"
 6) "scripting"
 7) "complexity"
 8) "Depends on the subcommand"
 9) "subcommands"
10) 1) "script|flush"
    2)  1) "summary"
        2) "Forgets all scripts."
        3) "since"
        4) "2.6.0"
        5) "group"
        6) "scripting"
        7) "complexity"
        8) "O(1)"
        9) "arguments"
       10) 1) 1) "name"
              2) "option"
              3) "type"
              4) "oneof"
              5) "flags"
              6) 1) optional
              7) "arguments"
              8) 1) 1) "name"
                    2) "async"
                    3) "type"
                    4) "pure-token"
                    5) "token"
                    6) "ASYNC"
                 2) 1) "name"
                    2) "sync"
                    3) "type"
                    4) "pure-token"
                    5) "token"
                    6) "SYNC"
    3) "script|help"
    4) 1) "summary"
       2) "Prints this help."
       3) "since"
       4) "5.0.0"
       5) "group"
       6) "scripting"
       7) "complexity"
       8) "O(1)")doc");
}

TEST(Command, ListsEveryCommandOnce) {
  ServerTester redis;
  size_t top_level = CountTopLevelCommands();
  EXPECT_EQ(redis.Send("a", "COMMAND").elements.size(), top_level);
  EXPECT_EQ(redis.Send("a", "COMMAND INFO").elements.size(), top_level);
  EXPECT_EQ(redis.Send("a", "COMMAND COUNT").integer, static_cast<int64_t>(top_level));
  EXPECT_EQ(redis.Send("a", "COMMAND DOCS").elements.size(), 2 * top_level);
  EXPECT_EQ(redis.Send("a", "COMMAND LIST").elements.size(), CommandTable().size());
}

TEST(Command, InfoAnswersInTheOrderAskedAndNullForTheUnknown) {
  ServerTester redis;
  resp::Reply reply = redis.Send("a", "COMMAND INFO GET nosuch Client|ID get|x client| get");
  ASSERT_EQ(reply.elements.size(), 6U);
  EXPECT_EQ(reply.elements[0].elements.at(0).text, "get");
  EXPECT_EQ(reply.elements[1].type, resp::Reply::Type::kNull);
  EXPECT_EQ(reply.elements[2].elements.at(0).text, "client|id");
  EXPECT_EQ(reply.elements[3].type, resp::Reply::Type::kNull);
  EXPECT_EQ(reply.elements[4].type, resp::Reply::Type::kNull);
  EXPECT_EQ(reply.elements[5], reply.elements[0]);
}

TEST(Command, DocsLeaveTheUnknownOut) {
  ServerTester redis;
  resp::Reply reply = redis.Send("a", "COMMAND DOCS nosuch CLIENT|ID");
  ASSERT_EQ(reply.elements.size(), 2U);
  EXPECT_EQ(reply.elements[0].text, "client|id");
  EXPECT_EQ(redis.Run("a", "COMMAND DOCS nosuch"), "(empty array)");
}

TEST(Command, ListFiltersByCategoryAndPattern) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("a", "COMMAND LIST FILTERBY PATTERN MeM*s*"),
            "1) \"memory|stats\"\n2) \"memory|usage\"");
  EXPECT_EQ(redis.Run("a", "COMMAND LIST filterby aclcat BITMAP"),
            "1) \"bitcount\"\n2) \"bitfield\"\n3) \"bitfield_ro\"\n4) \"bitop\"\n5) \"bitpos\"\n"
            "6) \"getbit\"\n7) \"setbit\"");
  EXPECT_EQ(redis.Run("a", "COMMAND LIST FILTERBY ACLCAT @bitmap"), "(empty array)");
  EXPECT_EQ(redis.Run("a", "COMMAND LIST FILTERBY ACLCAT nosuch"), "(empty array)");
  EXPECT_EQ(redis.Run("a", "COMMAND LIST FILTERBY MODULE json"), "(empty array)");
  for (std::string_view wrong :
       {"COMMAND LIST x", "COMMAND LIST FILTERBY MODULE", "COMMAND LIST FILTERBY x y",
        "COMMAND LIST PATTERN a b", "COMMAND LIST FILTERBY PATTERN a b"}) {
    EXPECT_EQ(redis.Run("a", wrong), "(error) ERR syntax error") << wrong;
  }
}

TEST(Command, GetKeysFindsTheKeysOfACommand) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("a", "COMMAND GETKEYS mset a 1 b 2"), "1) \"a\"\n2) \"b\"");
  EXPECT_EQ(redis.Run("a", "COMMAND GETKEYS OBJECT ENCODING k"), "1) \"k\"");
  EXPECT_EQ(redis.Run("a", "COMMAND GETKEYS bitop and dest a b"),
            "1) \"dest\"\n2) \"a\"\n3) \"b\"");
}

TEST(Command, GetKeysRefusesWhatHasNoKeys) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("a", "COMMAND GETKEYS nosuch k"), "(error) ERR Invalid command specified");
  EXPECT_EQ(redis.Run("a", "COMMAND GETKEYS object nosuch k"),
            "(error) ERR Invalid command specified");
  for (std::string_view without : {"ping x", "ssubscribe c", "client id"}) {
    EXPECT_EQ(redis.Run("a", "COMMAND GETKEYS " + std::string(without)),
              "(error) ERR The command has no key arguments")
        << without;
  }
  EXPECT_EQ(redis.Run("a", "COMMAND GETKEYS get a b"),
            "(error) ERR Invalid number of arguments specified for command");
  EXPECT_EQ(redis.Run("a", "COMMAND GETKEYS get"),
            "(error) ERR wrong number of arguments for 'command|getkeys' command");
}

TEST(Command, GetKeysAndFlagsTellsReadsFromWrites) {
  ServerTester redis;
  auto flags_of = [&redis](std::string_view line) {
    std::string flags;
    for (const resp::Reply& key :
         redis.Send("a", "COMMAND GETKEYSANDFLAGS " + std::string(line)).elements) {
      flags += key.elements.at(0).text + ":";
      for (const resp::Reply& flag : key.elements.at(1).elements) flags += " " + flag.text;
      flags += "; ";
    }
    return flags;
  };
  EXPECT_EQ(flags_of("get k"), "k: RO access; ");
  EXPECT_EQ(flags_of("rename a b"), "a: RW access delete; b: OW update; ");
  EXPECT_EQ(flags_of("bitop and k a b"), "k: OW update; a: RO access; b: RO access; ");
  EXPECT_EQ(flags_of("set k v ex"), "k: OW update; ");
  EXPECT_EQ(flags_of("set k v GET"), "k: RW access update; ");
  EXPECT_EQ(flags_of("set k get"), "k: OW update; ");
  EXPECT_EQ(flags_of("bitfield k"), "k: RO access; ");
  EXPECT_EQ(flags_of("bitfield k get u8 0 overflow sat"), "k: RO access; ");
  EXPECT_EQ(flags_of("bitfield k get u8"), "k: RW access update; ");
  EXPECT_EQ(flags_of("bitfield k get u8 0 set u8 0 1"), "k: RW access update; ");
}

TEST(Help, ListsSubcommandsAndItselfLast) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("a", "SCRIPT HELP"),
            "1) SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\n"
            "2) FLUSH [ASYNC | SYNC]\n"
            "3)     Forgets all scripts.\n"
            "4) HELP\n"
            "5)     Prints this help.");
  std::string object = redis.Run("a", "object help");
  EXPECT_THAT(object, HasSubstr("OBJECT <subcommand>"));
  EXPECT_TRUE(object.ends_with("HELP\n11)     Prints this help.")) << object;
}

TEST(Help, CommandAlsoRunsWithoutASubcommand) {
  ServerTester redis;
  EXPECT_THAT(redis.Run("a", "COMMAND HELP"),
              HasSubstr(" 2) (no subcommand)\n 3)     Describes all commands.\n"));
}

}  // namespace
}  // namespace cartwheel::server
