using System.Globalization;
using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Data.Validation;

/// <summary>
/// Makes a contract of what one version shows. It promises what is likely to hold for the next: kinds, presence, ranges with half a
/// range to spare on either side, the values of categories that have been seen often, and keys.
/// </summary>
internal static class ContractLearning
{
    private const int MostAllowedValues = 50;

    /// <summary>Rows that each allowed value stands for on average; with fewer, values that were not seen yet are likely.</summary>
    private const int RowsPerValue = 20;

    private const double RangeMargin = 0.5;

    /// <param name="profile">The version's.</param>
    /// <param name="key">Columns whose values together make a row, where the pipeline says so.</param>
    public static DataContract Learn(DataProfile profile, IReadOnlyList<string>? key = null) => new()
    {
        Columns = [.. profile.Columns.Select(Learn)],
        UniqueKey = key is { Count: > 0 } ? key : null,
    };

    private static ColumnContract Learn(ColumnProfile column)
    {
        long present = column.Count - column.Missing;
        (JsonElement? minimum, JsonElement? maximum) = RangeOf(column);
        return new ColumnContract
        {
            Name = column.Name,
            // One value, or none, does not tell what others will be.
            Kind = column.Kind == ColumnKind.Constant ? null : column.Kind,
            MaximumMissing = present == 0 ? null : TolerableMissing(column),
            Minimum = minimum,
            Maximum = maximum,
            AllowedValues = column.Kind is ColumnKind.Category && column.TopValues is { } values && values.Count == column.Distinct
                && column.Distinct <= MostAllowedValues && present >= RowsPerValue * column.Distinct && values.All(value => value.Value.Length < 200)
                    ? [.. values.Select(value => value.Value).Order(StringComparer.Ordinal)]
                    : null,
            Unique = column.Kind == ColumnKind.Identifier && !column.DistinctIsApproximate && column.Distinct == present,
        };
    }

    /// <summary>The share seen, three standard errors, and three rows in all for what so few rows cannot show; in whole percent.</summary>
    private static double TolerableMissing(ColumnProfile column)
    {
        double share = (double)column.Missing / column.Count;
        double tolerated = share + 3 * Math.Sqrt(share * (1 - share) / column.Count) + 3.0 / column.Count;
        return Math.Min(1, Math.Ceiling(Math.Round(tolerated * 100, 6)) / 100);
    }

    private static (JsonElement? Minimum, JsonElement? Maximum) RangeOf(ColumnProfile column)
    {
        if (column.Kind is not (ColumnKind.Number or ColumnKind.Integer) || column is not { Min: { } min, Max: { } max })
            return default;
        double low = min.GetDouble(), high = max.GetDouble(), margin = RangeMargin * (high - low);
        if (!double.IsFinite(margin))
            return default;
        // What was never negative is a count, a price or a measure, and never will be.
        double minimum = low >= 0 ? Math.Max(0, low - margin) : low - margin;
        double maximum = high <= 0 ? Math.Min(0, high + margin) : high + margin;
        return column.Kind == ColumnKind.Integer
            ? (Element(Math.Floor(minimum)), Element(Math.Ceiling(maximum)))
            : (Element(minimum), Element(maximum));
    }

    // People read and edit the bounds: nobody wants 17 digits.
    private static JsonElement? Element(double value) => double.IsFinite(value)
        ? JsonSerializer.SerializeToElement(double.Parse(value.ToString("G6", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture))
        : null;
}
