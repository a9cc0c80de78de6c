import Reporting
import Testing

@Suite struct TableTests {
  private func accuracies() -> Table {
    var table = Table([.text("features"), .number("top-1"), .text("note")])
    table.append(["cls", "61.2", ""])
    table.append(["abmilp, depth 1", "8.75", "says \"best\""])
    return table
  }

  @Test func columnsAreAligned() {
    #expect(
      accuracies().text == """
        features         top-1  note
        ---------------  -----  -----------
        cls               61.2
        abmilp, depth 1   8.75  says "best"

        """)
  }

  @Test func aTableWithoutRowsHasItsTitles() {
    #expect(Table([.text("a"), .number("bc")]).text == "a  bc\n-  --\n")
  }

  @Test func cellsCannotMoveTheCursor() {
    var table = Table([.text("class")])
    table.append(["\u{1B}[2J\nzebra\u{9B}"])
    #expect(table.text == "class\n-----------\n\u{FFFD}[2J\u{FFFD}zebra\u{FFFD}\n")
  }

  @Test func csvQuotesWhatItMust() {
    #expect(
      accuracies().csv == "features,top-1,note\ncls,61.2,\n\"abmilp, depth 1\",8.75,\"says \"\"best\"\"\"\n")
    #expect(CSV.line(["a\nb", "c\r", "\r\n", " d ", "é"]) == "\"a\nb\",\"c\r\",\"\r\n\", d ,é\n")
    #expect(CSV.line([""]) == "\"\"\n" && CSV.line(["", ""]) == ",\n")
  }

  @Test func markdownHasNoMarkupOfNames() {
    var table = Table([.text("class"), .number("top-1 %")])
    table.append(["a|b *c* <d>\ne", "50.0"])
    #expect(
      table.markdown == """
        | class | top-1 % |
        | --- | ---: |
        | a\\|b \\*c\\* \\<d\\>\u{FFFD}e | 50.0 |

        """)
  }
}
