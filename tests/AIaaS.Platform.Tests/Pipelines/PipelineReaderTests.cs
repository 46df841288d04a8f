using AIaaS.Formats;
using AIaaS.Platform.Pipelines;
using AIaaS.Platform.Problems;

namespace AIaaS.Platform.Tests.Pipelines;

public sealed class PipelineReaderTests
{
    private const string Whole = """
        target: churned
        task: classification
        clean: { duplicates: keep }
        split: { holdout: 0.25, seed: 7 }
        trainers: [linear]
        compute: { cluster: gpu }
        gate: { metric: auc, minimum: 0.8 }
        deploy: { endpoint: churn }
        """;

    [Fact]
    public void Every_field_is_read()
    {
        var read = PipelineReader.Read(Whole);

        Assert.Equal(("churned", LearningTask.Classification, DuplicateHandling.Keep), (read.Target, read.Task, read.Clean.Duplicates.Action));
        Assert.Equal((0.25, 7L, "gpu", "churn"), (read.Split.Holdout, read.Split.Seed, read.Compute.Cluster, read.Deploy.Endpoint));
        Assert.Equal(("auc", 0.8, null), (read.Gate!.Metric, read.Gate.Minimum, read.Gate.Maximum));
        Assert.Equal(["linear"], read.Trainers);
    }

    [Fact]
    public void Json_is_yaml()
    {
        var read = PipelineReader.Read("""{"target":"churned","split":{"holdout":0.3}}""");

        Assert.Equal(("churned", 0.3), (read.Target, read.Split.Holdout));
    }

    [Theory]
    [InlineData("")]
    [InlineData("# nothing said\n")]
    [InlineData("---\n")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("target:\ntask: ~\n")]
    public void What_is_not_said_has_its_default(string text)
    {
        var read = PipelineReader.Read(text);

        Assert.Equal((null, null, 0.2, 42L), (read.Target, read.Task, read.Split.Holdout, read.Split.Seed));
    }

    [Theory]
    [InlineData("target: '42'", "42")]
    [InlineData("target: \"true\"", "true")]
    [InlineData("target: !!str 42", "42")]
    [InlineData("target: yes", "yes")]
    [InlineData("target: 1_000", "1_000")]
    [InlineData("target: .inf", ".inf")]
    [InlineData("target: |-\n  null", "null")]
    public void What_the_core_schema_has_as_text_stays_text(string text, string target)
    {
        Assert.Equal(target, PipelineReader.Read(text).Target);
    }

    [Theory]
    [InlineData("split: { seed: +5 }", 5L)]
    [InlineData("split: { seed: -0 }", 0L)]
    [InlineData("split: { seed: 007 }", 7L)]
    public void Integers_are_read_as_the_core_schema_has_them(string text, long seed)
    {
        Assert.Equal(seed, PipelineReader.Read(text).Split.Seed);
    }

    [Theory]
    [InlineData("split: { holdout: .25 }")]
    [InlineData("split: { holdout: 2.5e-1 }")]
    [InlineData("split: { holdout: 25E-2 }")]
    public void Numbers_are_read_as_the_core_schema_has_them(string text)
    {
        Assert.Equal(0.25, PipelineReader.Read(text).Split.Holdout);
    }

    [Theory]
    [InlineData("target: [a", "line 2")]
    [InlineData("target: a\n\tb: c", "line 1")]
    [InlineData("target: a: b", "line 1")]
    [InlineData("target: a\ntarget: b", "uplicate")]
    [InlineData("target: a\n!!str target: b", "twice")]
    [InlineData("target: a\n---\ntarget: b", "several")]
    [InlineData("- target", "mapping")]
    [InlineData("churned", "mapping")]
    [InlineData("[a]: b", "keys")]
    [InlineData("target: &t a", "anchors")]
    [InlineData("clean: &c { duplicates: keep }\nsplit: *c", "anchors")]
    [InlineData("&k target: a", "anchors")]
    [InlineData("? &a [ *a ]\n: b", "anchors")]
    [InlineData("&a { *a : b }", "anchors")]
    public void What_is_no_plain_yaml_is_refused(string text, string words)
    {
        var refusal = Assert.Throws<ProblemException>(() => PipelineReader.Read(text));

        Assert.Equal(Problem.MalformedBody, refusal.Problem);
        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[", 30_000)]
    [InlineData("{a: ", 15_000)]
    [InlineData("- ", 30_000)]
    public void However_deep_it_nests_it_is_refused(string opening, int times)
    {
        var refusal = Assert.Throws<ProblemException>(() => PipelineReader.Read("x: " + string.Concat(Enumerable.Repeat(opening, times))));

        Assert.Equal(Problem.MalformedBody, refusal.Problem);
    }

    [Theory]
    [InlineData("targe: a", "targe")]
    [InlineData("targe:", "targe")]
    [InlineData("clean: { mising: auto }", "clean.mising")]
    [InlineData("<<: { target: a }", "<<")]
    public void An_unknown_field_is_named(string text, string field)
    {
        var refusal = Assert.Throws<ProblemException>(() => PipelineReader.Read(text));

        Assert.Equal((Problem.InvalidValue, field), (refusal.Problem, refusal.Field));
        Assert.Contains($"'{field}'", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("target: 42", "target")]
    [InlineData("target: ''", "target")]
    [InlineData("target: [a]", "target")]
    [InlineData("task: fortune-telling", "task")]
    [InlineData("task: clustering", "task")]
    [InlineData("task: 1", "task")]
    [InlineData("clean:", "clean")]
    [InlineData("clean: []", "clean")]
    [InlineData("split: ~", "split")]
    [InlineData("trainers:", "trainers")]
    [InlineData("compute:", "compute")]
    [InlineData("deploy:", "deploy")]
    [InlineData("clean: { duplicates: maybe }", "clean.duplicates.action")]
    [InlineData("split: { holdout: 0.04 }", "split.holdout")]
    [InlineData("split: { holdout: 0.51 }", "split.holdout")]
    [InlineData("split: { holdout: .nan }", "split.holdout")]
    [InlineData("split: { holdout: '0.2' }", "split.holdout")]
    [InlineData("split: { seed: 0.5 }", "split.seed")]
    [InlineData("split: { seed: 99999999999999999999 }", "split.seed")]
    [InlineData("trainers: []", "trainers")]
    [InlineData("trainers: [~]", "trainers")]
    [InlineData("trainers: [forest]", "trainers")]
    [InlineData("gate: { metric: beauty, minimum: 1 }", "gate.metric")]
    [InlineData("gate: { metric: auc }", "gate")]
    [InlineData("gate: { minimum: 1 }", "gate.metric")]
    public void A_value_that_is_not_acceptable_is_named(string text, string field)
    {
        var refusal = Assert.Throws<ProblemException>(() => PipelineReader.Read(text));

        Assert.Equal((Problem.InvalidValue, field), (refusal.Problem, refusal.Field));
    }

    [Theory]
    [InlineData("clean: { filter: '' }", "clean.filter")]
    [InlineData("clean: { filter: 5 }", "clean.filter")]
    [InlineData("clean: { derive: { '': a } }", "clean.derive")]
    [InlineData("clean: { derive: { b: '  ' } }", "clean.derive.b")]
    [InlineData("clean: { derive: { b: } }", "clean.derive.b")]
    [InlineData("clean: { filter: \"sum(a) > 1\" }", "clean.filter")]
    [InlineData("clean: { filter: [a > 1, \"b IN (SELECT 1)\"] }", "clean.filter")]
    [InlineData("clean: { derive: { b: a + 1, c: now() } }", "clean.derive.c")]
    [InlineData("clean: { text: shout }", "clean.text.case")]
    [InlineData("clean: { text: { columns: [] } }", "clean.text.columns")]
    [InlineData("clean: { missing: guess }", "clean.missing.action")]
    [InlineData("clean: { missing: { action: drop-column, above: 1.01 } }", "clean.missing.above")]
    [InlineData("clean: { missing: constant }", "clean.missing.value")]
    [InlineData("clean: { missing: { action: median, value: 0 } }", "clean.missing.value")]
    [InlineData("clean: { missing: { action: mean, columns: [a, a] } }", "clean.missing.columns")]
    [InlineData("clean: { rare: -0.1 }", "clean.rare.below")]
    [InlineData("clean: { rare: { into: '' } }", "clean.rare.into")]
    [InlineData("clean: { duplicates: [] }", "clean.duplicates.key")]
    [InlineData("clean: { mask: [passport] }", "clean.mask.kinds[0]")]
    [InlineData("clean: { mask: [email, email] }", "clean.mask.kinds")]
    [InlineData("clean: { mask: { kinds: [email], action: burn } }", "clean.mask.action")]
    [InlineData("clean: { outliers: { method: iqr, threshold: 0 } }", "clean.outliers.threshold")]
    [InlineData("clean: { outliers: { threshold: 1 } }", "clean.outliers.threshold")]
    [InlineData("clean: { outliers: { action: clip } }", "clean.outliers.action")]
    [InlineData("clean: { sample: 0 }", "clean.sample.rows")]
    [InlineData("clean: { sample: 1.5 }", "clean.sample.share")]
    [InlineData("validate: refuse", "validate.contract")]
    [InlineData("validate: { psi: -1 }", "validate.psi")]
    [InlineData("validate: { ks: 1.1 }", "validate.ks")]
    [InlineData("validate: { suspiciousShare: 2 }", "validate.suspiciousShare")]
    [InlineData("split: { folds: 1 }", "split.folds")]
    [InlineData("split: { folds: 21 }", "split.folds")]
    [InlineData("split: { group: '' }", "split.group")]
    [InlineData("split: { group: a, time: b }", "split")]
    [InlineData("split: { time: b, stratify: true }", "split.stratify")]
    public void What_a_pipeline_asks_of_its_data_is_held_to_bounds(string text, string field)
    {
        var refusal = Assert.Throws<ProblemException>(() => PipelineReader.Read(text));

        Assert.Equal((Problem.InvalidValue, field), (refusal.Problem, refusal.Field));
    }

    [Theory]
    [InlineData("features: { numbers: one-hot }", "features.numbers")]
    [InlineData("features: { categories: log }", "features.categories")]
    [InlineData("features: { categories: embedding }", "features.categories")]
    [InlineData("features: { dates: target }", "features.dates")]
    [InlineData("features: { texts: hash }", "features.texts")]
    [InlineData("features: { missing: guess }", "features.missing")]
    [InlineData("features: { mostTerms: 0 }", "features.mostTerms")]
    [InlineData("features: { termWords: 4 }", "features.termWords")]
    [InlineData("features: { components: 0 }", "features.components")]
    [InlineData("features: { components: 2.5 }", "features.components")]
    [InlineData("features: { components: 2, numbers: raw }", "features.components")]
    [InlineData("features: { columns: { '': log } }", "features.columns")]
    [InlineData("features: { columns: { price: dear } }", "features.columns.price")]
    [InlineData("weights: { column: '' }", "weights.column")]
    [InlineData("weights: { classes: fair }", "weights.classes")]
    [InlineData("calibrate: perhaps", "calibrate")]
    [InlineData("evaluate: { slices: [''] }", "evaluate.slices")]
    [InlineData("sweep: { maxTrials: 0 }", "sweep.maxTrials")]
    [InlineData("sweep: { maxConcurrent: 0 }", "sweep.maxConcurrent")]
    [InlineData("sweep: { timeout: 0s }", "sweep.timeout")]
    [InlineData("sweep: { timeout: soon }", "sweep.timeout")]
    [InlineData("sweep: { objective: beauty }", "sweep.objective")]
    [InlineData("sweep: { sampler: guess }", "sweep.sampler")]
    [InlineData("sweep: { spaces: { linear: { depth: 3 } } }", "sweep.spaces.linear.depth")]
    public void What_a_pipeline_asks_of_its_training_is_held_to_bounds(string text, string field)
    {
        var refusal = Assert.Throws<ProblemException>(() => PipelineReader.Read(text));

        Assert.Equal((Problem.InvalidValue, field), (refusal.Problem, refusal.Field));
    }

    [Fact]
    public void What_a_pipeline_asks_of_its_training_is_read()
    {
        var read = PipelineReader.Read(
            """
            features: { numbers: min-max, missing: mean, components: 0.9, columns: { price: log, title: tf-idf } }
            weights: { classes: balanced, column: importance }
            calibrate: isotonic
            evaluate: { slices: [region] }
            sweep: { sampler: random, maxTrials: 5, maxConcurrent: 2, timeout: 90m, spaces: { linear: { l2: [0.1, 1] } } }
            """);

        Assert.Equal((FeatureEncoding.MinMax, Imputation.Mean, 0.9), (read.Features.Numbers, read.Features.Missing, read.Features.Components));
        Assert.Equal((FeatureEncoding.Log, FeatureEncoding.TfIdf), (read.Features.Columns["price"], read.Features.Columns["title"]));
        Assert.Equal((ClassWeights.Balanced, "importance", Calibration.Isotonic), (read.Weights.Classes, read.Weights.Column, read.Calibrate));
        Assert.Equal(["region"], read.Evaluate.Slices);
        Assert.Equal((5, 2, TimeSpan.FromMinutes(90)), (read.Sweep.MaxTrials, read.Sweep.MaxConcurrent, read.Sweep.Timeout));
        Assert.Equal(2, read.Sweep.Spaces!["linear"]["l2"].Choices!.Count);
    }

    [Fact]
    public void A_word_that_is_none_of_those_known_is_named_beside_them()
    {
        var refusal = Assert.Throws<ProblemException>(() => PipelineReader.Read("clean: { outliers: { method: gut-feeling } }"));

        Assert.Contains("'z-score', 'iqr', 'isolation-forest'", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("'gut-feeling'", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("clean: { missing: median }", "clean: { missing: { action: median } }")]
    [InlineData("clean: { missing: { action: constant, value: 0, columns: age } }", "clean: { missing: { action: constant, value: '0', columns: [age] } }")]
    [InlineData("clean: { text: lower }", "clean: { text: { case: lower } }")]
    [InlineData("clean: { rare: 0.02 }", "clean: { rare: { below: 0.02 } }")]
    [InlineData("clean: { duplicates: [id, day] }", "clean: { duplicates: { key: [id, day] } }")]
    [InlineData("clean: { mask: email }", "clean: { mask: { kinds: [email] } }")]
    [InlineData("clean: { mask: [email, national-id] }", "clean: { mask: { kinds: [email, national-id] } }")]
    [InlineData("clean: { outliers: z-score }", "clean: { outliers: { method: z-score } }")]
    [InlineData("clean: { sample: 1000 }", "clean: { sample: { rows: 1000 } }")]
    [InlineData("clean: { sample: 0.25 }", "clean: { sample: { share: 0.25 } }")]
    [InlineData("clean: { filter: [a > 1, b < 2 OR c] }", "clean: { filter: (a > 1) AND (b < 2 OR c) }")]
    [InlineData("clean: { derive: { one: 1, yes: true } }", "clean: { derive: { one: '1', yes: 'true' } }")]
    [InlineData("validate: reject", "validate: { contract: reject, drift: reject, poisoning: reject }")]
    [InlineData("validate: off", "validate: { contract: off, drift: off, poisoning: off }")]
    [InlineData("split: 0.3", "split: { holdout: 0.3 }")]
    public void Shorthands_say_the_same_as_what_they_stand_for(string brief, string whole)
    {
        static string Written(string text) => System.Text.Json.JsonSerializer.Serialize(PipelineReader.Read(text), JsonDefaults.Options);

        Assert.Equal(Written(whole), Written(brief));
        Assert.NotEqual(Written(""), Written(brief));
    }

    [Fact]
    public void A_definition_written_out_is_read_again_as_it_was()
    {
        var definition = PipelineReader.Read(
            """
            clean: { derive: { 'x "y"': a + b }, missing: drop-row, outliers: iqr, sample: 0.5, mask: { columns: [name], action: hash } }
            validate: { contract: reject, psi: 0.1 }
            split: { group: customer, folds: 3 }
            """);
        var written = System.Text.Json.JsonSerializer.Serialize(definition, JsonDefaults.Options);

        Assert.Equal(written, System.Text.Json.JsonSerializer.Serialize(PipelineReader.Read(written), JsonDefaults.Options));
    }

    [Theory]
    [InlineData("compute: { cluster: GPU! }", "compute.cluster")]
    [InlineData("deploy: { endpoint: a/b }", "deploy.endpoint")]
    public void A_name_out_of_pattern_is_named(string text, string field)
    {
        var refusal = Assert.Throws<ProblemException>(() => PipelineReader.Read(text));

        Assert.Equal((Problem.InvalidName, field), (refusal.Problem, refusal.Field));
    }

    [Fact]
    public void Mutilated_definitions_are_refused_or_read_but_never_our_fault()
    {
        const string Alphabet = "{}[]:,-#&*!|>'\"%@`~?<\n\t \u0000\ufeff\u20ac0aT.";
        var random = new Random(11);
        for (var round = 0; round < 3000; round++)
        {
            var text = Whole.ToCharArray().ToList();
            for (var edits = random.Next(1, 6); edits > 0; edits--)
            {
                var at = random.Next(text.Count);
                switch (random.Next(3))
                {
                    case 0: text[at] = Alphabet[random.Next(Alphabet.Length)]; break;
                    case 1: text.Insert(at, Alphabet[random.Next(Alphabet.Length)]); break;
                    default: text.RemoveRange(at, Math.Min(random.Next(1, 20), text.Count - at)); break;
                }

                if (text.Count == 0) text.Add(' ');
            }

            var mutilated = new string([.. text]);
            var failure = Record.Exception(() => PipelineReader.Read(mutilated));
            Assert.True(failure is null or ProblemException, $"{failure} on {mutilated}");
        }
    }
}
