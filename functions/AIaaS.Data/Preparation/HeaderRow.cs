using System.Globalization;
using System.Text;

namespace AIaaS.Data.Preparation;

/// <summary>Decides whether a first row is a header, and makes usable column names of it.</summary>
internal static class HeaderRow
{
    /// <summary>
    /// A header unless the row looks like the rows below it: some cell must not fit the numbers of its column, or,
    /// where there are none, every cell must be present, unlike its neighbours and never occur in its own column.
    /// </summary>
    public static bool IsHeader(IReadOnlyList<string> cells, IReadOnlyList<ColumnSurvey> columns, bool anyRows)
    {
        if (!anyRows || cells.Count != columns.Count)
            return true;
        bool typed = false;
        double? previous = null;
        bool isSequence = true;
        for (int i = 0; i < cells.Count; i++)
        {
            string cell = cells[i].Trim();
            string type = columns[i].ReadType;
            if (type == "VARCHAR" || cell.Length == 0)
                continue;
            typed = true;
            byte[] utf8 = Encoding.UTF8.GetBytes(cell);
            ValueShapes shape = ValueShape.Of(utf8);
            bool fits = MissingValues.Contains(utf8) || type switch
            {
                "DOUBLE" => (shape & ValueShapes.Number) != 0,
                "BOOLEAN" => shape == ValueShapes.Boolean,
                _ => shape == ValueShapes.Datetime,
            };
            if (!fits)
                return true;
            isSequence = isSequence && (shape & ValueShapes.Integer) != 0
                && double.Parse(cell, CultureInfo.InvariantCulture) is var number
                && (previous is null || number == previous + 1) && columns[i].IsFarFrom(number)
                && (previous = number) is not null;
        }
        // Years or positions over measurements: counting up, and nothing that the columns could hold.
        if (typed)
            return isSequence;
        return Distinct(cells) && !cells.Where((cell, i) => columns[i].FirstCellRecurs).Any();
    }

    /// <summary>Column names as in the file, except that blanks around them go, empty ones are numbered and repeated ones get a number.</summary>
    /// <param name="cells">The header, or null where there is none.</param>
    /// <param name="count">Columns; one more than cells where the first has no name.</param>
    /// <param name="findings">What was changed, for people.</param>
    public static string[] Names(IReadOnlyList<string>? cells, int count, List<string> findings)
    {
        string[] names = new string[count];
        var taken = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        int offset = cells is null ? 0 : count - cells.Count;
        for (int i = 0; i < count; i++)
        {
            string given = cells is null || i < offset ? "" : Clean(cells[i - offset]);
            string name = given.Length == 0 ? string.Create(CultureInfo.InvariantCulture, $"column{i + 1}") : given;
            for (int n = 2; !taken.Add(name); n++)
                name = string.Create(CultureInfo.InvariantCulture, $"{(given.Length == 0 ? $"column{i + 1}" : given)}_{n}");
            if (cells is not null && given.Length == 0)
                findings.Add($"Column {i + 1} has no name in the header; it is called {name}.");
            else if (given.Length > 0 && name != given)
                findings.Add($"The header has {given} more than once (upper and lower case count as the same); column {i + 1} is called {name}.");
            names[i] = name;
        }
        if (cells is null)
            findings.Add($"The first row looks like data, so the columns are called column1 to column{count}. Add a header line to name them.");
        return names;
    }

    private static string Clean(string cell)
    {
        var clean = new StringBuilder(cell.Length);
        foreach (char c in cell.Trim().Trim('\uFEFF'))
            clean.Append(char.IsControl(c) ? ' ' : c);
        return clean.ToString().Trim();
    }

    private static bool Distinct(IReadOnlyList<string> cells) =>
        cells.Distinct(StringComparer.Ordinal).Count() == cells.Count && cells.All(cell => !string.IsNullOrWhiteSpace(cell));
}
