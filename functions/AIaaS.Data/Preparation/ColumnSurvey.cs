using System.Text;
using AIaaS.Data.DuckDb;

namespace AIaaS.Data.Preparation;

/// <summary>What a column of a delimited file can be read as, counted over the rows that were looked at.</summary>
internal sealed class ColumnSurvey(string firstCell)
{
    private const int MostPadded = 20;
    private const int LongestNumber = 40;

    private readonly byte[] _firstCell = Encoding.UTF8.GetBytes(firstCell.Trim());

    private long _present;
    private long _integers;
    private long _numbers;
    private long _booleans;
    private long _datetimes;
    private long _codes;
    private long _forPeople;
    private double _smallest = double.PositiveInfinity;
    private double _largest = double.NegativeInfinity;

    /// <summary>Missing values that stood between blanks, as they were written; DuckDB must be told of each.</summary>
    public HashSet<string> PaddedMissing { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether the first row's cell occurs again below it, as data would.</summary>
    public bool FirstCellRecurs { get; private set; }

    public bool IsInteger => Nearly(_numbers) && _integers == _numbers;

    /// <summary>
    /// The type to read the column with. A column is a number (boolean, time) where at least 99 % of its present values are:
    /// the others are mistakes whose rows are quarantined. Otherwise it is text, and nothing is lost.
    /// Integers are read as doubles because DuckDB rounds a fraction it meets in an integer column.
    /// </summary>
    public string ReadType => Nearly(_numbers) ? "DOUBLE"
        : Nearly(_booleans) ? "BOOLEAN"
        : Nearly(_datetimes) ? "TIMESTAMP"
        : "VARCHAR";

    /// <summary>Whether a number lies outside the column's range by more than three times its width.</summary>
    public bool IsFarFrom(double number) => Math.Max(_smallest - number, number - _largest) > 3 * (_largest - _smallest);

    public void Add(DuckDbVector vector)
    {
        for (int row = 0; row < vector.Count; row++)
        {
            if (!vector.IsValid(row))
                continue;
            ReadOnlySpan<byte> value = vector.Utf8(row);
            ReadOnlySpan<byte> trimmed = value.Trim(" \t"u8);
            if (MissingValues.Contains(trimmed))
            {
                if (trimmed.Length != value.Length && PaddedMissing.Count < MostPadded)
                    PaddedMissing.Add(Encoding.UTF8.GetString(value));
                continue;
            }
            _present++;
            FirstCellRecurs = FirstCellRecurs || trimmed.SequenceEqual(_firstCell);
            ValueShapes shape = ValueShape.Of(trimmed);
            if ((shape & ValueShapes.Number) != 0)
            {
                _numbers++;
                if ((shape & ValueShapes.Integer) != 0)
                    _integers++;
                if (System.Buffers.Text.Utf8Parser.TryParse(trimmed, out double number, out _))
                {
                    _smallest = Math.Min(_smallest, number);
                    _largest = Math.Max(_largest, number);
                }
            }
            else if (shape != ValueShapes.None)
            {
                _booleans += shape == ValueShapes.Boolean ? 1 : 0;
                _datetimes += shape == ValueShapes.Datetime ? 1 : 0;
                _codes += shape == ValueShapes.Code ? 1 : 0;
            }
            else if (_numbers > 0 && !char.IsAsciiLetter((char)trimmed[0]) && trimmed.Length <= LongestNumber)
            {
                _forPeople += WrittenNumbers.IsOne(Encoding.UTF8.GetString(trimmed)) ? 1 : 0;
            }
        }
    }

    // One code among numbers makes all of them codes: reading 007 as 7 would lose something. One 1,234 among them makes them text,
    // of which the numbers are recovered when all of them are known.
    private bool Nearly(long count) => _codes == 0 && _forPeople == 0 && count > 0 && count >= 0.99 * _present;
}
