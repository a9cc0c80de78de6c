import Files
import Images
import TestSupport
import Testing

struct SubsetTests {
  /// A folder with so many images of each class.
  private func dataset(_ counts: [(String, Int)]) throws -> ImageDataset {
    let folder = try TemporaryFolder()
    for (name, count) in counts {
      for index in 0..<count { try folder.write([], to: "\(name)/\(100 + index).jpg") }
    }
    return try ImageDataset(path: folder.path)
  }

  private func animals() throws -> ImageDataset {
    try dataset([("ant", 1), ("bee", 2), ("cat", 1), ("catfish", 1), ("dog, hound", 1)])
  }

  @Test(arguments: [
    ("cat*", ["cat", "catfish"]), ("[bd]*", ["bee", "dog, hound"]), ("dog*,ant", ["ant", "dog, hound"]),
    ("???,ant", ["ant", "bee", "cat"]), ("*", ["ant", "bee", "cat", "catfish", "dog, hound"]),
  ])
  func patternsChooseClassesInTheirOrder(patterns: String, names: [String]) throws {
    let all = try animals()
    let chosen = try all.including(ClassSelection(option: patterns))
    #expect(chosen.classNames == names)
    let expected = names.enumerated().flatMap { label, name in
      all.entries.filter { $0.id.hasPrefix(name + "/") }.map { "\(label) \($0.id)" }
    }
    #expect(rows(chosen) == expected)
    #expect(
      chosen.description.contains(
        expected.count == 6 ? "6 images in 5" : "\(expected.count) of 6 images in \(names.count) classes"))
  }

  @Test func aFileChoosesClassesInItsOwnOrder() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(Array("dog, hound\r\n\nant\n".utf8), to: "classes.txt")
    let chosen = try animals().including(ClassSelection(option: "@" + path))
    #expect(chosen.classNames == ["dog, hound", "ant"])
    #expect(rows(chosen) == ["1 ant/100.jpg", "0 dog, hound/100.jpg"])
    try folder.write(Array("ant\nbeee\n".utf8), to: "classes.txt")
    #expect(
      throws: InputError(path, "there is no class \"beee\"", remedy: "the closest are bee, ant, cat")
    ) { try animals().including(ClassSelection(option: "@" + path)) }
    try folder.write(Array("ant\nant\n".utf8), to: "classes.txt")
    #expect(throws: InputError(path, "holds the name \"ant\" twice")) {
      try ClassSelection(option: "@" + path)
    }
  }

  @Test func namesThatAreEquivalentInUnicodeAreDifferentClasses() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(Array("\u{E9}\ne\u{301}\n".utf8), to: "classes.txt")
    let chosen = try dataset([("e\u{301}", 1), ("\u{E9}", 2)]).including(ClassSelection(option: "@" + path))
    #expect(chosen.entries.map(\.label) == [1, 0, 0])
  }

  @Test func refusesClassesThatDoNotExist() throws {
    #expect(
      throws: InputError(
        "--include-classes", "there is no class \"catfihs\"", remedy: "the closest are catfish, cat, ant")
    ) { try animals().including(ClassSelection(option: "cat,catfihs")) }
    #expect(throws: InputError("--include-classes", "names no class")) {
      try animals().including(ClassSelection(option: ","))
    }
    let folder = try TemporaryFolder()
    try folder.write([], to: "1.jpg")
    #expect(throws: InputError(folder.path, "has no labels, so no classes can be chosen")) {
      try ImageDataset(path: folder.path).including(ClassSelection(option: "*"))
    }
  }

  @Test func samplesAreDrawnEvenlyFromClasses() throws {
    let all = try dataset([("a", 60), ("b", 30), ("c", 9), ("d", 1)])
    for count in [1, 2, 4, 10, 33, 99, 100] {
      let sample = all.sample(count: count, seed: 4)
      #expect(sample.entries.count == count)
      #expect(sample.classNames == all.classNames)
      let places = sample.entries.map { entry in all.entries.firstIndex(of: entry)! }
      #expect(places == places.sorted() && Set(places).count == count)
      for label in 0..<4 {
        let (size, share) = ([60, 30, 9, 1][label], sample.entries.filter { $0.label == label }.count)
        #expect(share <= (size * count + 99) / 100 + 1, "\(share) of class \(label) among \(count)")
        #expect(
          count < 4 || share >= max(1, size * count / 100 - 3), "\(share) of class \(label) among \(count)")
      }
    }
  }

  @Test func samplesAreFixedByTheirSeedAndGrow() throws {
    let all = try dataset([("a", 40), ("b", 23), ("c", 5)])
    var before: Set<String> = []
    for count in 1...68 {
      let sample = Set(all.sample(count: count, seed: 9).entries.map(\.id))
      #expect(sample.isSuperset(of: before))
      before = sample
    }
    #expect(all.sample(count: 20, seed: 9).entries == all.sample(count: 20, seed: 9).entries)
    #expect(all.sample(count: 20, seed: 9).entries != all.sample(count: 20, seed: 10).entries)
    #expect(all.sample(count: 1000, seed: 9).entries == all.entries)
  }

  @Test(arguments: [(0.5, 34), (1.0, 68), (0.001, 1), (0.1, 7)])
  func fractionsAreRounded(fraction: Double, count: Int) throws {
    let all = try dataset([("a", 40), ("b", 23), ("c", 5)])
    #expect(all.sample(fraction: fraction, seed: 0).entries == all.sample(count: count, seed: 0).entries)
  }

  @Test func unlabelledImagesAreSampledToo() throws {
    let folder = try TemporaryFolder()
    for index in 0..<9 { try folder.write([], to: "\(index).jpg") }
    let sample = try ImageDataset(path: folder.path).sample(count: 4, seed: 1)
    #expect(sample.entries.count == 4)
    #expect(sample.description.hasSuffix("a folder of images, 4 of 9 images without labels"))
  }
}
