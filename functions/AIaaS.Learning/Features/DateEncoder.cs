using AIaaS.Formats;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Features;

/// <summary>
/// Times as what people tell them by, in UTC. As parts: seconds, year, month (1–12), day (1–31), weekday (0 is Monday) and hour, for
/// trainers that split by values; missing is NaN. As cycles: standardized seconds, and sine and cosine of the time of year, week and day,
/// so that December is next to January; missing is 0. What is the same for all training rows is left out.
/// </summary>
/// <remarks>A raw time is a single-precision number of seconds since 1970: exact at every midnight from 1902 to 2038, else within about a minute.</remarks>
internal sealed class DateEncoder(bool cyclic) : IFeatureEncoder
{
    private const double Day = 86_400;
    private const double Year = 365.2425;

    // Half of the distance between single-precision times until 2038, so that a full hour is that hour, and until 2106, so that midnight is.
    private const double HourPrecision = 64;
    private const double DayPrecision = 128;

    public bool Accepts(FeatureColumn column) => column is NumberColumn { Kind: ColumnKind.Datetime };

    public IFittedEncoder Fit(IReadOnlyList<FeatureColumn> columns, EncoderContext context)
    {
        var seconds = cyclic ? new NumberEncoder() : (IFeatureEncoder)new RawNumberEncoder();
        return new Fitted(seconds.Fit(columns, context), [.. columns.Cast<NumberColumn>().Select(Fit)], cyclic ? 0 : double.NaN);
    }

    private FittedColumn Fit(NumberColumn column)
    {
        var times = column.SortedValues();
        var (span, hasHours) = (times.Length > 0 ? ((double)times[^1] - times[0]) / Day : 0, times.Any(time => time % Day != 0));
        List<Part> parts = [];
        if (cyclic)
        {
            if (span >= 30)
                parts.AddRange([new("time of year, sine", at => Cycle(at.Days, Year).Sin()), new("time of year, cosine", at => Cycle(at.Days, Year).Cos())]);
            if (span >= 2)
                parts.AddRange([new("weekday, sine", at => Cycle(at.Days + 3, 7).Sin()), new("weekday, cosine", at => Cycle(at.Days + 3, 7).Cos())]);
            if (hasHours)
                parts.AddRange([new("time of day, sine", at => Cycle(at.Seconds, Day).Sin()), new("time of day, cosine", at => Cycle(at.Seconds, Day).Cos())]);
        }
        else
        {
            if (span >= 365)
                parts.Add(new("year", at => at.Year));
            if (span >= 28)
                parts.Add(new("month", at => at.Month));
            if (span >= 1)
                parts.AddRange([new("day", at => at.DayOfMonth), new("weekday", at => (at.Days + 3).Modulo(7))]);
            if (hasHours)
                parts.Add(new("hour", at => ((at.Seconds + HourPrecision) / 3600).Floor().Clip(0, 23)));
        }

        return new(column.Name, parts);
    }

    private static Value Cycle(Value x, double length) => (x.Modulo(length) * (Math.Tau / length)).Cast(TensorElementType.Float);

    private sealed record Part(string Name, Func<Calendar, Value> Build);

    private sealed record FittedColumn(string Name, IReadOnlyList<Part> Parts);

    /// <summary>A time taken apart; double numbers of shape [rows, 1].</summary>
    private sealed class Calendar
    {
        /// <param name="seconds">Since 1970.</param>
        /// <remarks>Days to a date by Howard Hinnant's civil_from_days, in which a year begins in March and 400 years are an era.</remarks>
        public Calendar(Value seconds)
        {
            Days = ((seconds + DayPrecision) / Day).Floor();
            Seconds = (seconds - (Days * Day)).Clip(0, Day);
            var shifted = Days + 719_468;
            var era = (shifted / 146_097).Floor();
            var dayOfEra = shifted - (era * 146_097);
            var yearOfEra = ((dayOfEra - (dayOfEra / 1_460).Floor() + (dayOfEra / 36_524).Floor() - (dayOfEra / 146_096).Floor()) / 365).Floor();
            var dayOfYear = dayOfEra - ((yearOfEra * 365) + (yearOfEra / 4).Floor() - (yearOfEra / 100).Floor());
            var monthFromMarch = (((dayOfYear * 5) + 2) / 153).Floor();
            DayOfMonth = dayOfYear - (((monthFromMarch * 153) + 2) / 5).Floor() + 1;
            // March is month 0 there; from 10 on it is the next year.
            var isNextYear = (monthFromMarch / 10).Floor();
            Month = monthFromMarch + 3 - (isNextYear * 12);
            Year = yearOfEra + (era * 400) + isNextYear;
        }

        public Value Days { get; }

        /// <summary>Of the day.</summary>
        public Value Seconds { get; }

        public Value Year { get; }

        public Value Month { get; }

        public Value DayOfMonth { get; }
    }

    private sealed class Fitted(IFittedEncoder seconds, IReadOnlyList<FittedColumn> columns, double absent) : IFittedEncoder
    {
        public IReadOnlyList<FeatureSlot> Slots { get; } =
            [.. seconds.Slots, .. columns.SelectMany(c => c.Parts.Select(part => new FeatureSlot($"{c.Name}: {part.Name}", c.Name)))];

        public IReadOnlyList<string> Notes => seconds.Notes;

        public Value Build(IReadOnlyList<Value> inputs) =>
            new[] { seconds.Build(inputs) }.Concat(inputs.Zip(columns).Where(c => c.Second.Parts.Count > 0).Select(c => Build(c.First, c.Second))).ToArray().Concat(axis: 1);

        private Value Build(Value input, FittedColumn column)
        {
            var missing = (input - input).IsNaN();
            var calendar = new Calendar(missing.Where(input.Scalar(0), input).Cast(TensorElementType.Double));
            var parts = column.Parts.Select(part => part.Build(calendar).Cast(TensorElementType.Float)).ToArray().Concat(axis: 1);
            return missing.Where(input.Scalar(absent), parts);
        }
    }
}
