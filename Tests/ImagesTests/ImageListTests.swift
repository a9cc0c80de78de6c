import Files
import Images
import TestSupport
import Testing

struct ImageListTests {
  /// A folder with a list and the (empty) files that lists here name.
  private func folder(_ list: String, _ name: String = "list.csv") throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for path in ["a.jpg", "b.png", "sub/c.jpg", "one, two.jpg", "a \"b\".jpg", "ünï.jpg"] {
      try folder.write(Array(path.utf8), to: path)
    }
    try folder.write(Array(list.utf8), to: name)
    return folder
  }

  @Test(arguments: [
    ("a.jpg,1\nb.png,0\n", ["1 a.jpg", "0 b.png"]),
    ("path,label\na.jpg,1\nb.png,0", ["1 a.jpg", "0 b.png"]),
    ("\u{FEFF}Filename,CLASS\r\na.jpg,dog\r\nb.png,cat\r\n", ["1 a.jpg", "0 b.png"]),
    ("split,class_name,width,image\nx,cat,7,b.png\nx,dog,8,sub/c.jpg\n", ["0 b.png", "1 sub/c.jpg"]),
    ("a.jpg\nb.png\n", ["-1 a.jpg", "-1 b.png"]),
    ("path\na.jpg\n\n\nb.png\n\n", ["-1 a.jpg", "-1 b.png"]),
    ("a.jpg,-1\nb.png,2\n", ["-1 a.jpg", "2 b.png"]),
    ("a.jpg,-1\nb.png,cat\n", ["-1 a.jpg", "0 b.png"]),
    ("a.jpg,1st\nb.png,zebra\nsub/c.jpg,Ape\n", ["0 a.jpg", "2 b.png", "1 sub/c.jpg"]),
    ("./a.jpg,0\n.//b.png,1\nsub/.//c.jpg,2\n", ["0 a.jpg", "1 b.png", "2 sub/c.jpg"]),
    // Equivalent in Unicode, and two names all the same.
    ("a.jpg,\u{E9}\nb.png,e\u{301}\n", ["1 a.jpg", "0 b.png"]),
    (
      "\"one, two.jpg\",\"a\nb\"\r\n\"a \"\"b\"\".jpg\",\"a\"\nünï.jpg,a",
      ["1 one, two.jpg", "0 a \"b\".jpg", "0 ünï.jpg"]
    ),
  ])
  func readsCommaSeparatedValues(list: String, expected: [String]) throws {
    let folder = try folder(list)
    #expect(rows(try ImageDataset(path: folder.file("list.csv"))) == expected)
  }

  @Test(arguments: ["list.tsv", "list.txt"])
  func readsTabSeparatedValues(name: String) throws {
    let folder = try folder("path\tlabel\none, two.jpg\tb,c\na.jpg\ta\n", name)
    let dataset = try ImageDataset(path: folder.file(name), format: .list)
    #expect(rows(dataset) == ["1 one, two.jpg", "0 a.jpg"])
    #expect(dataset.classNames == ["a", "b,c"])
    #expect(dataset.description == "\(folder.file(name)): a list of images, 2 images in 2 classes")
    #expect(try fileContents(dataset, 0) == Array("one, two.jpg".utf8))
  }

  @Test func namesClasses() throws {
    let folder = try folder("a.jpg,3\nb.png,1\n")
    let path = folder.file("list.csv")
    #expect(try ImageDataset(path: path).classNames == ["0", "1", "2", "3"])
    let names = try folder.write(Array("owl\r\nbee\nfox\n\nape\neel\n".utf8), to: "names.txt")
    #expect(
      try ImageDataset(path: path, classNameFile: names).classNames == ["owl", "bee", "fox", "ape", "eel"])
    let few = try folder.write(Array("owl\nbee".utf8), to: "few.txt")
    #expect(
      openingError(path, classNameFile: few)
        == InputError(path, "holds the label 3, and only 2 classes are named"))
    try folder.write(Array("a.jpg,fox\nb.png,bee\n".utf8), to: "list.csv")
    #expect(rows(try ImageDataset(path: path, classNameFile: names)) == ["2 a.jpg", "1 b.png"])
    #expect(
      openingError(path, classNameFile: few)
        == InputError(path, "holds the class \"fox\", which is not among the 2 given"))
    try folder.write(Array("a.jpg,7\nb.png,bee\n".utf8), to: "list.csv")
    let marked = try folder.write(Array("\u{FEFF}7\nbee\n".utf8), to: "marked.txt")
    let dataset = try ImageDataset(path: path, classNameFile: marked)
    #expect(dataset.classNames == ["7", "bee"])
    #expect(rows(dataset) == ["0 a.jpg", "1 b.png"])
  }

  @Test func takesPathsFromAnotherFolder() throws {
    let folder = try folder("a.jpg,0\n", "lists/all.csv")
    let besideImages = try folder.write(Array("a.jpg,0\n".utf8), to: "\u{301}.csv")
    #expect(rows(try ImageDataset(path: besideImages)) == ["0 a.jpg"])
    let path = folder.file("lists/all.csv")
    #expect(
      openingError(path)
        == InputError(
          "\(path), line 1", "\(folder.file("lists/a.jpg")) does not exist",
          remedy: "say where paths start with --image-root"))
    let dataset = try ImageDataset(path: path, imageRoot: folder.path)
    #expect(rows(dataset) == ["0 a.jpg"])
    #expect(try fileContents(dataset, 0) == Array("a.jpg".utf8))
    #expect(openingError(folder.path, format: .folder, imageRoot: folder.path)?.subject == "--image-root")
  }

  @Test(arguments: [
    ("", "lists no images"), ("\n\r\n", "lists no images"), ("path,label\n", "lists no images"),
    ("/etc/passwd,0\n", "is absolute"), ("a.jpg,0\n../a.jpg,0\n", "line 2: the path \"../a.jpg\" leads out"),
    ("sub/../a.jpg,0", "leads out"), (",0\n", "line 1: the path \"\" is empty"),
    ("a\0.jpg,0", "holds a zero byte"),
    ("a.jpg,0\n\nb.png,1\na.jpg,0\n", "line 4: lists a.jpg a second time"),
    ("a.jpg,0\nb.png\n", "line 2: has 1 fields, and the first line 2"),
    ("a.jpg,0,7\n", "3 columns and no header"),
    ("name,label\na.jpg,0\n", "has a header (name, label) and no column \"path\""),
    ("a.jpg,\n", "line 1: has no label"), ("a.jpg,-2\n", "holds the label -2, outside -1 to 999999"),
    ("a.jpg,2000000000\n", "holds the label 2000000000"), ("\"a.jpg,0\n", "ends within quotes"),
    ("a.jpg,99999999999\n", "holds the label 99999999999, outside -1 to 999999"),
    (
      "a.jpg,-1\nb.png,2\nsub/c.jpg,cat\n",
      "line 3: has the label \"cat\", a name, where those before are numb"
    ),
    (
      "a.jpg,cat\nb.png,-1\nsub/c.jpg,2\n",
      "line 3: has the label \"2\", a number, where those before are names"
    ),
    ("a.jpg,2\nb.png,10 \n", "line 2: has white space around the label \"10 \""),
    ("a.jpg,\u{A0}cat\n", "line 1: has white space around the label"),
    ("a.jpg,0\nb.png,2.0\n", "line 2: has the label \"2.0\", which is neither a whole number nor a name"),
    ("a.jpg,1e3\n", "which is neither a whole number nor a name"),
    ("../\u{301}x,0\n", "leads out"), ("a/../\u{301}x,0\n", "leads out"), ("/\u{301}x,0\n", "is absolute"),
    ("a.jpg,0\n./a.jpg,1\n", "line 2: lists a.jpg a second time"),
    ("sub/c.jpg,0\nsub/.//c.jpg,1\n", "line 2: lists sub/c.jpg a second time"), ("./,0\n", "is empty"),
    ("a.jpg,0\nsub,1\n", "sub is not a regular file"), ("a.jpg,0\n\n./sub/,1\n", "line 3: "),
    ("a.jpg,0\n\"b\"x,1\n", "line 2: holds text behind a closing quote"),
    ("a\".jpg,0\n", "line 1: holds a quote within a field"), ("gone.jpg,0\n", "gone.jpg does not exist"),
  ])
  func refusesWhatIsNoList(list: String, reason: String) throws {
    let folder = try folder(list)
    let error = try #require(openingError(folder.file("list.csv")))
    #expect(error.description.contains(reason.replacing("\0", with: "\\0")), "\(error)")
  }

  @Test func refusesOtherEncodingsAndSplits() throws {
    let folder = try folder("a.jpg,0\n")
    let path = folder.file("list.csv")
    #expect(openingError(path, split: "val")?.reason == "is a list, which has no splits")
    try folder.write(Array("a.jpg,caf".utf8) + [0xE9], to: "list.csv")
    #expect(openingError(path) == InputError("\(path), line 1", "is not UTF-8"))
    #expect(openingError(folder.path, format: .list)?.reason == "is not a regular file")
  }
}
