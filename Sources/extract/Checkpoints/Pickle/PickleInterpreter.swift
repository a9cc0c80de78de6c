import Files

/// Follows a pickle's instructions as data only.
///
/// Python's own unpickler imports and calls whatever a file names. Here a name stays a name; the few functions that
/// build tensors and dictionaries are imitated (``call(_:_:)``), and what any other would have made is an opaque value
/// that nothing can be read from. So no file can do anything but describe.
///
/// Bounds: a value costs at least one instruction, and there is a limit of instructions, of objects and of values that
/// are kept for later; a length is checked against the bytes that are left before anything is allocated; nothing recurses.
struct PickleInterpreter {
  // A tensor takes some 45 instructions and 9 objects, which are kept: these are limits of 30,000 tensors or more.
  static let mostInstructions = 1 << 21
  static let mostObjects = 1 << 18
  static let mostKept = 1 << 19
  /// The longest name of a class or function, in bytes.
  private static let longestName = 256

  private let slice: FileSlice
  private let name: String
  private(set) var offset = 0
  var heap = PickleHeap()
  private var stack: [PickleValue] = []
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]

  /// - Parameter name: what the slice is, for messages.
  init(_ slice: FileSlice, name: String) {
    self.slice = slice
    self.name = name
  }

  func damaged(_ reason: String) -> InputError {
    InputError(
      slice.file.path, "is damaged: \(shortened(reason, to: 300)) (byte \(offset) of \(name))",
      remedy: downloadAgain)
  }

  /// - Returns: the value that the pickle leaves.
  mutating func run() throws(InputError) -> PickleValue {
    for _ in 0..<Self.mostInstructions {
      let code = try readInteger(UInt8.self)
      guard let opcode = PickleOpcode(rawValue: code) else {
        throw damaged("\(code) is no pickle instruction that checkpoints use")
      }
      if opcode == .stop { return try pop() }
      try execute(opcode)
      guard heap.objectCount <= Self.mostObjects else {
        throw damaged("it describes more than \(Self.mostObjects) objects")
      }
    }
    throw damaged("it has more than \(Self.mostInstructions) pickle instructions")
  }

  private mutating func execute(_ opcode: PickleOpcode) throws(InputError) {
    switch opcode {
    case .proto, .frame, .stop: try readFraming(opcode)
    case .mark, .pop, .popMark, .duplicate: try moveStack(opcode)
    case .put, .longPut, .memoize, .get, .longGet: try useMemo(opcode)
    case .none, .newTrue, .newFalse, .textInteger, .binaryInteger, .binaryInteger1, .binaryInteger2, .long1,
      .long4, .binaryFloat:
      push(try readNumber(opcode))
    case .binaryUnicode, .shortBinaryUnicode, .binaryUnicode8:
      push(.text(try readText(opcode)))
    case .binaryString, .shortBinaryString:
      // Python 2 has one type for text and bytes.
      push(try readSlice(opcode).text.map(PickleValue.text) ?? opaque("bytes"))
    case .binaryBytes, .shortBinaryBytes, .binaryBytes8, .byteArray8:
      _ = try readSlice(opcode)
      push(opaque("bytes"))
    case .emptyList, .list, .emptyTuple, .tuple, .tuple1, .tuple2, .tuple3:
      try makeSequence(opcode)
    case .emptyDictionary, .dictionary, .emptySet, .frozenSet: try makeKeyed(opcode)
    case .append, .appends, .setItem, .setItems, .addItems: try fill(opcode)
    case .global, .stackGlobal, .reduce, .object, .newObject, .newObjectExtended, .build, .persistentID:
      try makeObject(opcode)
    }
  }

  // MARK: - The stack and the memo

  private mutating func push(_ value: PickleValue) { stack.append(value) }

  private mutating func pop() throws(InputError) -> PickleValue {
    guard stack.count > marks.last ?? 0 else { throw damaged("an instruction lacks its operand") }
    return stack.removeLast()
  }

  /// Removes the last mark and what is above it.
  private mutating func popToMark() throws(InputError) -> [PickleValue] {
    guard let mark = marks.popLast() else { throw damaged("an instruction lacks its mark") }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }

  private mutating func moveStack(_ opcode: PickleOpcode) throws(InputError) {
    switch opcode {
    case .mark: marks.append(stack.count)
    case .popMark: _ = try popToMark()
    case .duplicate:
      let value = try pop()
      push(value)
      push(value)
    // As in Python, a mark is removed as a value is.
    default: if marks.last == stack.count { marks.removeLast() } else { _ = try pop() }
    }
  }

  private mutating func useMemo(_ opcode: PickleOpcode) throws(InputError) {
    switch opcode {
    case .get, .longGet:
      let index = opcode == .get ? Int(try readInteger(UInt8.self)) : Int(try readInteger(UInt32.self))
      guard let value = memo[index] else { throw damaged("nothing was kept under \(index)") }
      push(value)
    default:
      let index =
        switch opcode {
        case .put: Int(try readInteger(UInt8.self))
        case .longPut: Int(try readInteger(UInt32.self))
        default: memo.count
        }
      let value = try pop()
      push(value)
      memo[index] = value
      guard memo.count <= Self.mostKept else {
        throw damaged("it keeps more than \(Self.mostKept) values for later")
      }
    }
  }

  // MARK: - Values

  private mutating func readFraming(_ opcode: PickleOpcode) throws(InputError) {
    if opcode == .proto {
      let version = try readInteger(UInt8.self)
      guard 2...5 ~= version else { throw damaged("it is of pickle protocol \(version), not of 2 to 5") }
    } else {
      let length = try readInteger(UInt64.self)
      guard length <= UInt64(slice.count - offset) else {
        throw damaged("a frame of \(length) bytes is cut short")
      }
    }
  }

  private mutating func readNumber(_ opcode: PickleOpcode) throws(InputError) -> PickleValue {
    switch opcode {
    case .newTrue: .boolean(true)
    case .newFalse: .boolean(false)
    case .textInteger: try readTextInteger()
    case .binaryInteger: .integer(Int(try readInteger(Int32.self)))
    case .binaryInteger1: .integer(Int(try readInteger(UInt8.self)))
    case .binaryInteger2: .integer(Int(try readInteger(UInt16.self)))
    case .binaryFloat: .real(Double(bitPattern: try readInteger(UInt64.self).byteSwapped))
    case .long1, .long4: try readLong(opcode)
    default: .none
    }
  }

  /// A whole number of any length: one that fits is a value, a longer one is only skipped.
  private mutating func readLong(_ opcode: PickleOpcode) throws(InputError) -> PickleValue {
    let digits = try readSlice(opcode)
    guard digits.count <= 8 else { return opaque("a number of \(digits.count) bytes") }
    var value: Int64 = 0
    for index in 0..<digits.count { value |= Int64(digits.byte(at: index)!) << (8 * index) }
    let unused = Int64(64 - 8 * digits.count)
    return .integer(digits.count == 0 ? 0 : Int((value << unused) >> unused))
  }

  /// `00` and `01` are truth values.
  private mutating func readTextInteger() throws(InputError) -> PickleValue {
    let digits = try readLine()
    if digits == "00" || digits == "01" { return .boolean(digits == "01") }
    guard let value = Int(digits) else { throw damaged("\(digits) is no whole number") }
    return .integer(value)
  }

  private mutating func readText(_ opcode: PickleOpcode) throws(InputError) -> String {
    guard let text = try readSlice(opcode).text else { throw damaged("text is not UTF-8") }
    return text
  }

  mutating func opaque(_ what: String) -> PickleValue {
    heap.opaques.append(what)
    return .opaque(heap.opaques.count - 1)
  }

  // MARK: - Containers

  private mutating func makeSequence(_ opcode: PickleOpcode) throws(InputError) {
    let elements: [PickleValue] =
      switch opcode {
      case .list, .tuple: try popToMark()
      case .tuple1: try pop(1)
      case .tuple2: try pop(2)
      case .tuple3: try pop(3)
      default: []
      }
    heap.sequences.append(elements)
    let index = heap.sequences.count - 1
    push(opcode == .list || opcode == .emptyList ? .list(index) : .tuple(index))
  }

  private mutating func pop(_ count: Int) throws(InputError) -> [PickleValue] {
    var elements: [PickleValue] = []
    for _ in 0..<count { elements.append(try pop()) }
    return elements.reversed()
  }

  private mutating func makeKeyed(_ opcode: PickleOpcode) throws(InputError) {
    switch opcode {
    case .emptySet: push(opaque("set"))
    case .frozenSet:
      _ = try popToMark()
      push(opaque("frozenset"))
    default:
      let elements = opcode == .dictionary ? try popToMark() : []
      let dictionary = makeDictionary()
      push(.dictionary(dictionary))
      try set(elements, in: dictionary)
    }
  }

  mutating func makeDictionary() -> Int {
    heap.dictionaries.append([])
    return heap.dictionaries.count - 1
  }

  private mutating func set(_ elements: [PickleValue], in dictionary: Int) throws(InputError) {
    guard elements.count.isMultiple(of: 2) else { throw damaged("a dictionary's key lacks its value") }
    for index in stride(from: 0, to: elements.count, by: 2) {
      heap.dictionaries[dictionary].append((elements[index], elements[index + 1]))
    }
  }

  /// Puts elements into the container below them. An opaque container, such as one of an unknown class, takes any.
  private mutating func fill(_ opcode: PickleOpcode) throws(InputError) {
    let elements: [PickleValue] =
      switch opcode {
      case .append: try pop(1)
      case .setItem: try pop(2)
      default: try popToMark()
      }
    let container = try pop()
    push(container)
    switch (container, opcode) {
    case (.opaque, _): break
    case (.list(let index), .append), (.list(let index), .appends):
      heap.sequences[index].append(contentsOf: elements)
    case (.dictionary(let index), .setItem), (.dictionary(let index), .setItems):
      try set(elements, in: index)
    default: throw damaged("elements are put into \(heap.describe(container))")
    }
  }

  // MARK: - Objects

  private mutating func makeObject(_ opcode: PickleOpcode) throws(InputError) {
    switch opcode {
    case .global: try makeGlobal(module: try readLine(), name: try readLine())
    case .stackGlobal:
      let names = try pop(2)
      guard case .text(let module) = names[0], case .text(let name) = names[1] else {
        throw damaged("a global's name is not text")
      }
      try makeGlobal(module: module, name: name)
    case .persistentID: push(storage(try pop()))
    case .object:
      let parts = try popToMark()
      guard let type = parts.first else { throw damaged("an object lacks its class") }
      push(call(type, Array(parts.dropFirst())))
    case .build:
      let state = try pop()
      try build(try pop(), state)
    default:
      if opcode == .newObjectExtended { _ = try pop() }
      let arguments = try pop()
      guard case .tuple(let index) = arguments else { throw damaged("a call's arguments are no tuple") }
      push(call(try pop(), heap.sequences[index]))
    }
  }

  private mutating func makeGlobal(module: String, name: String) throws(InputError) {
    guard module.utf8.count + name.utf8.count < Self.longestName else { throw damaged("a name is too long") }
    heap.globals.append("\(module).\(name)")
    push(.global(heap.globals.count - 1))
  }

  /// Gives an object its attributes. A dictionary's are of no use (`_metadata` of a state dict); an object that is
  /// skipped stays skipped.
  private mutating func build(_ object: PickleValue, _: PickleValue) throws(InputError) {
    switch object {
    case .dictionary, .opaque: push(object)
    default: throw damaged("\(heap.describe(object)) is given attributes")
    }
  }

  // MARK: - Bytes

  private mutating func readInteger<Integer: FixedWidthInteger & BitwiseCopyable>(
    _ type: Integer.Type
  ) throws(InputError) -> Integer {
    guard let value = slice.integer(type, at: offset) else { throw damaged("the pickle is cut short") }
    offset += MemoryLayout<Integer>.size
    return value
  }

  /// The bytes that an instruction announces the length of.
  private mutating func readSlice(_ opcode: PickleOpcode) throws(InputError) -> FileSlice {
    let length: UInt64 =
      switch opcode {
      case .long1, .shortBinaryString, .shortBinaryBytes, .shortBinaryUnicode:
        UInt64(try readInteger(UInt8.self))
      case .binaryUnicode8, .binaryBytes8, .byteArray8: try readInteger(UInt64.self)
      default: UInt64(try readInteger(UInt32.self))
      }
    guard let count = Int(exactly: length), let bytes = slice.slice(at: offset, count: count) else {
      throw damaged("a value of \(length) bytes is cut short")
    }
    offset += count
    return bytes
  }

  private mutating func readLine() throws(InputError) -> String {
    let start = offset
    while let byte = slice.byte(at: offset), byte != UInt8(ascii: "\n") { offset += 1 }
    guard let line = slice.slice(at: start, count: offset - start), let text = line.text, offset < slice.count
    else {
      throw damaged("a name is cut short or not UTF-8")
    }
    offset += 1
    return text
  }
}
