using AIaaS.Formats;

namespace AIaaS.Data.Reports;

/// <summary>Small inline SVG pictures. Sizes are attributes and never styles, so that the page needs no loose style rules.</summary>
internal static class Charts
{
    private const int Height = 100;
    private const int BarWidth = 16;

    /// <summary>A bar that is filled to a share.</summary>
    public static void Bar(HtmlWriter page, double share, string kind, string label)
    {
        double filled = Math.Clamp(double.IsFinite(share) ? share : 0, 0, 1) * 100;
        // Something must be seen of what is there.
        if (filled is > 0 and < 1.5)
            filled = 1.5;
        page.Write($"<svg class=\"bar {kind}\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{label}\"><title>{label}</title><rect class=\"track\" width=\"100\" height=\"8\" rx=\"2\"/><rect class=\"fill\" width=\"{filled:0.##}\" height=\"8\" rx=\"2\"/></svg>");
    }

    /// <summary>A histogram without words, for a table's row.</summary>
    public static void Spark(HtmlWriter page, IReadOnlyList<long> counts, string label)
    {
        page.Write($"<svg class=\"spark\" viewBox=\"0 0 {counts.Count * 4} 20\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{label}\"><path d=\"");
        long most = Math.Max(1, counts.Max());
        for (int i = 0; i < counts.Count; i++)
        {
            if (counts[i] > 0)
                page.Write($"M{i * 4} 20v-{Math.Max(1, 20.0 * counts[i] / most):0.#}h3.4V20z");
        }
        page.Write($"\"/></svg>");
    }

    /// <summary>A histogram whose bars name themselves, over a strip with the quartiles and the middle nine tenths.</summary>
    public static void Histogram(HtmlWriter page, ColumnProfile column)
    {
        Histogram histogram = column.Histogram!;
        int width = histogram.Counts.Count * BarWidth;
        long most = Math.Max(1, histogram.Counts.Max());
        string low = Words.Axis(column, histogram.Edges[0]), high = Words.Axis(column, histogram.Edges[^1]);
        page.Write($"<figure class=\"chart\"><svg viewBox=\"0 0 {width} {Height + 16}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Histogram of {column.Name} from {low} to {high}, the fullest bin with {Words.Count(most)} rows\">");
        page.Write($"<line class=\"axis\" x1=\"0\" y1=\"{Height}\" x2=\"{width}\" y2=\"{Height}\"/>");
        for (int i = 0; i < histogram.Counts.Count; i++)
        {
            long count = histogram.Counts[i];
            double height = count == 0 ? 0 : Math.Max(1.5, (Height - 4.0) * count / most);
            string title = $"{Words.Axis(column, histogram.Edges[i])} to {Words.Axis(column, histogram.Edges[i + 1])}: {Words.Count(count, "row", "rows")}";
            page.Write($"<g><title>{title}</title><rect class=\"hit\" x=\"{i * BarWidth}\" y=\"0\" width=\"{BarWidth}\" height=\"{Height}\"/><rect class=\"column\" x=\"{i * BarWidth + 1}\" y=\"{Height - height:0.##}\" width=\"{BarWidth - 2}\" height=\"{height:0.##}\"/></g>");
        }
        Box(page, column, histogram, width);
        page.Write($"</svg><figcaption><span>{low}</span><span>{high}</span></figcaption></figure>");
    }

    private static void Box(HtmlWriter page, ColumnProfile column, Histogram histogram, int width)
    {
        double? At(double probability) => column.Quantiles?.FirstOrDefault(quantile => quantile.Probability == probability) is { } quantile
            ? Math.Clamp((quantile.Value - histogram.Edges[0]) / (histogram.Edges[^1] - histogram.Edges[0]), 0, 1) * width
            : null;
        if (At(0.05) is not { } p5 || At(0.25) is not { } p25 || At(0.5) is not { } median || At(0.75) is not { } p75 || At(0.95) is not { } p95)
            return;
        string Value(double probability) => Words.Axis(column, column.Quantiles!.First(quantile => quantile.Probability == probability).Value);
        page.Write($"<g><title>Median {Value(0.5)}; half of the values from {Value(0.25)} to {Value(0.75)}, nine tenths from {Value(0.05)} to {Value(0.95)}</title>");
        page.Write($"<line class=\"whisker\" x1=\"{p5:0.##}\" y1=\"110\" x2=\"{p95:0.##}\" y2=\"110\"/><rect class=\"box\" x=\"{p25:0.##}\" y=\"106\" width=\"{Math.Max(1, p75 - p25):0.##}\" height=\"8\"/><rect class=\"median\" x=\"{Math.Max(0, median - 1.5):0.##}\" y=\"104\" width=\"3\" height=\"12\"/></g>");
    }
}
