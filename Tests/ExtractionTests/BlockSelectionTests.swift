import Files
import Testing

import Extraction

@Suite struct BlockSelectionTests {
  @Test(
    arguments: [
      ("0", [0]), ("11", [11]), ("-1", [11]), ("-12", [0]), ("8-11", [8, 9, 10, 11]),
      ("8..11", [8, 9, 10, 11]),
      ("-4..-1", [8, 9, 10, 11]), ("-4--1", [8, 9, 10, 11]), ("9..-1", [9, 10, 11]), ("3-3", [3]),
      ("5, 2,-1", [2, 5, 11]), (" 4 - 6 , 8 .. -1", [4, 5, 6, 8, 9, 10, 11]), (" all ", Array(0..<12)),
      ("11,-1,8-11,10", [8, 9, 10, 11]), ("all", Array(0..<12)),
      ("0,all", Array(0..<12)),
      ("007", [7]),
    ] as [(String, [Int])])
  func listsAreRead(text: String, blocks: [Int]) throws {
    #expect(try #require(BlockSelection(text)).blocks(depth: 12) == blocks)
  }

  @Test(arguments: [
    "", ",", "1 2", "1 2-3", "- 1", "1. .2", "a ll", "1,", ",1", "1,,2", "a", "1.5", "1...2", "1-", "-",
    "..2", "1;2", "ALL", "1 - - 2-3", "+1",
    "0x1",
    "99999999999999999999", "1-99999999999999999999", "1\n",
  ])
  func whatIsNoListIsRefused(text: String) { #expect(BlockSelection(text) == nil) }

  @Test(
    arguments: [
      ("12", "block 12 does not exist: the model has 12 blocks"), ("-13", "block -13 does not exist"),
      ("0-12", "block 12 does not exist"), ("5-3", "from 5 to 3 is backward"),
      ("-1..0", "from -1 to 0 is backward"),
      ("9223372036854775807", "does not exist"), ("-9223372036854775808", "does not exist"),
    ] as [(String, String)])
  func blocksThatDoNotExistAreRefused(text: String, reason: String) throws {
    let selection = try #require(BlockSelection(text))
    let error = #expect(throws: InputError.self) { try selection.blocks(depth: 12) }
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
  }

  @Test func theDefaultIsTheLastBlockAndNoneIsNone() throws {
    #expect(try BlockSelection.last.blocks(depth: 5) == [4])
    #expect(try BlockSelection.all.blocks(depth: 2) == [0, 1])
    #expect(try BlockSelection.none.blocks(depth: 2) == [])
  }
}
