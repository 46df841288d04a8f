using System.Text.Json;
using AIaaS.Data.Preparation;

namespace AIaaS.Data.Expressions;

/// <summary>
/// Bounds how long the texts of an expression can become, from how long the columns' texts are: a few nested replacements otherwise
/// make a text larger than any memory out of a word.
/// </summary>
/// <param name="field">Where the expression stands, for messages.</param>
/// <param name="columns">What names mean; null where that is not known yet, and only what is written out counts.</param>
/// <param name="longest">The longest text of each text column, in characters.</param>
internal sealed class ExpressionLengths(string field, IReadOnlyList<PreparedColumn>? columns, IReadOnlyDictionary<int, long> longest)
{
    private const double Enough = 100_000;

    /// <summary>The longest text of a number, time or boolean.</summary>
    private const double Short = 400;

    private readonly double _most = Math.Max(Enough, 4.0 * (columns is null ? JsonLine.Longest : longest.Values.DefaultIfEmpty(0).Max()));

    public void Check(JsonElement node) => Bound(node);

    private double Bound(JsonElement node)
    {
        switch (node.GetProperty("class").GetString())
        {
            case "COLUMN_REF" when columns is null:
                return 0;
            case "COLUMN_REF":
                int column = ExpressionWriter.ColumnOf(node, columns)!.Value;
                return longest.TryGetValue(column, out long most) ? most : Short;
            case "CONSTANT":
                return ExpressionWriter.TextOf(node)?.Length ?? Short;
            case "FUNCTION":
                return Checked(node, OfFunction(node));
            case "CAST":
                return Math.Max(Bound(node.GetProperty("child")), Short);
            case "CASE":
                return Longest(node.GetProperty("case_checks").EnumerateArray().SelectMany(check => (JsonElement[])[check.GetProperty("when_expr"), check.GetProperty("then_expr")])
                    .Append(node.GetProperty("else_expr")));
            case "COMPARISON":
                return Longest([node.GetProperty("left"), node.GetProperty("right")]);
            case "BETWEEN":
                return Longest([node.GetProperty("input"), node.GetProperty("lower"), node.GetProperty("upper")]);
            default:
                return Longest(node.GetProperty("children").EnumerateArray());
        }
    }

    private double OfFunction(JsonElement node)
    {
        string name = node.GetProperty("function_name").GetString()!.ToLowerInvariant();
        JsonElement[] arguments = [.. node.GetProperty("children").EnumerateArray()];
        double[] bounds = [.. arguments.Select(Bound)];
        if (!AllowedFunctions.ByName.TryGetValue(name, out AllowedFunction? function) && !AllowedFunctions.Operators.TryGetValue(name, out function))
            return Short;
        switch (function.Growth)
        {
            case TextGrowth.First when name is "left" or "right" or "substr" or "substring" && ExpressionWriter.IntegerOf(arguments[^1]) is { } most && arguments.Length == (name.StartsWith('s') ? 3 : 2):
                return Math.Min(bounds[0], Math.Max(most, 0));
            case TextGrowth.First:
                return bounds[0];
            case TextGrowth.Longest:
                return bounds.Max();
            case TextGrowth.Sum:
                return bounds.Sum();
            case TextGrowth.Joined:
                return bounds[0] * (bounds.Length - 1) + bounds.Skip(1).Sum();
            case TextGrowth.Padded:
                return ExpressionWriter.IntegerOf(arguments[1]) ?? double.PositiveInfinity;
            case TextGrowth.Replaced:
                double from = Math.Max(1, ExpressionWriter.TextOf(arguments[1])?.Length ?? 1);
                return bounds[0] * Math.Max(1, bounds[2] / from);
            case TextGrowth.PatternReplaced:
                string with = ExpressionWriter.TextOf(arguments[2]) ?? "";
                bool everywhere = arguments.Length > 3 && ExpressionWriter.TextOf(arguments[3])?.Contains('g') != false;
                return bounds[0] + (everywhere ? bounds[0] + 1 : 1) * with.Length + bounds[0] * with.Count(c => c == '\\');
            default:
                return Short;
        }
    }

    private double Longest(IEnumerable<JsonElement> nodes) => nodes.Select(Bound).DefaultIfEmpty(0).Max();

    private double Checked(JsonElement node, double bound)
    {
        if (bound <= _most)
            return bound;
        throw ScalarExpression.Refused(field, FormattableString.Invariant(
            $"{node.GetProperty("function_name").GetString()} could make texts of {bound:0} characters. Shorten its arguments with left(…, n)"));
    }
}
