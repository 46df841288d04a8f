using System.Runtime.InteropServices;
using System.Text;
using AIaaS.Data.DuckDb;

namespace AIaaS.Data.Profiling;

/// <summary>A column of a sample of rows: numbers, or codes of texts.</summary>
internal sealed class SampledColumn(bool isNumber)
{
    private readonly List<double> _numbers = [];
    private readonly List<int> _codes = [];
    private readonly List<string> _values = [];
    private readonly Dictionary<string, int> _codeOf = new(StringComparer.Ordinal);
    private char[] _characters = new char[256];

    public bool IsNumber => isNumber;

    public int Rows => isNumber ? _numbers.Count : _codes.Count;

    /// <summary>Of a column of numbers; missing is NaN.</summary>
    public ReadOnlySpan<double> Numbers => CollectionsMarshal.AsSpan(_numbers);

    /// <summary>Of a column of texts: a position in <see cref="Values"/>, -1 for missing.</summary>
    public ReadOnlySpan<int> Codes => CollectionsMarshal.AsSpan(_codes);

    /// <summary>The different texts, in the order of their first rows.</summary>
    public IReadOnlyList<string> Values => _values;

    public static SampledColumn OfNumbers(IEnumerable<double?> values)
    {
        var column = new SampledColumn(isNumber: true);
        foreach (double? value in values)
            column._numbers.Add(value ?? double.NaN);
        return column;
    }

    public static SampledColumn OfTexts(IEnumerable<string?> values)
    {
        var column = new SampledColumn(isNumber: false);
        foreach (string? value in values)
            column._codes.Add(value is null ? -1 : column.CodeOf(value));
        return column;
    }

    public void Add(DuckDbVector vector)
    {
        if (isNumber)
        {
            ReadOnlySpan<double> values = vector.Values<double>();
            for (int row = 0; row < values.Length; row++)
                _numbers.Add(vector.IsValid(row) ? values[row] : double.NaN);
            return;
        }
        for (int row = 0; row < vector.Count; row++)
            _codes.Add(vector.IsValid(row) ? CodeOf(vector.Utf8(row)) : -1);
    }

    private int CodeOf(ReadOnlySpan<byte> utf8)
    {
        if (_characters.Length < utf8.Length)
            _characters = new char[utf8.Length];
        return CodeOf(_characters.AsSpan(0, Encoding.UTF8.GetChars(utf8, _characters)));
    }

    private int CodeOf(ReadOnlySpan<char> value)
    {
        var codes = _codeOf.GetAlternateLookup<ReadOnlySpan<char>>();
        if (codes.TryGetValue(value, out int code))
            return code;
        string text = value.ToString();
        _codeOf.Add(text, _values.Count);
        _values.Add(text);
        return _values.Count - 1;
    }
}
