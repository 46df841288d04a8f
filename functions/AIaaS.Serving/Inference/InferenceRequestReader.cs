using System.Buffers;
using System.Text;
using System.Text.Json;
using AIaaS.Serving.Predictions;

namespace AIaaS.Serving.Inference;

/// <summary>Reads inference requests: a JSON object, or one followed by binary data, or binary data alone.</summary>
internal static class InferenceRequestReader
{
    private const string Form = "Send {\"inputs\":[{\"name\":…,\"shape\":[…],\"datatype\":…,\"data\":[…]}, …]}.";
    private const string HeaderForm = "Send the length of the JSON object before binary data as Inference-Header-Content-Length.";

    /// <summary>Reads a request into a workspace; all inputs are given afterwards.</summary>
    /// <param name="body">The whole body.</param>
    /// <param name="headerLength">Bytes of its JSON object; null where it is nothing else, 0 where there is none.</param>
    /// <param name="plan">The model.</param>
    /// <param name="workspace">Begun for this request.</param>
    /// <exception cref="InferenceRequestException">The request has to be changed.</exception>
    public static void Read(in ReadOnlySequence<byte> body, long? headerLength, InferencePlan plan, InferenceWorkspace workspace)
    {
        if (plan.UnfedInput is { } unfed)
            throw new InferenceRequestException($"The model takes '{unfed}', which is no tensor of a datatype that this protocol has.");
        if (headerLength == 0)
            ReadRaw(body, plan, workspace);
        else
            ReadObject(body, headerLength, plan, workspace);
        RequireImages(plan, workspace);
    }

    private static void ReadObject(in ReadOnlySequence<byte> body, long? headerLength, InferencePlan plan, InferenceWorkspace workspace)
    {
        if (headerLength is < 0 || headerLength > body.Length)
            throw new InferenceRequestException($"Inference-Header-Content-Length is {headerLength}, and the body has {body.Length} bytes.");
        ReadJson(body.Slice(0, headerLength ?? body.Length), headerLength is not null, plan, workspace);
        ReadBinary(body.Slice(headerLength ?? body.Length), headerLength is not null, plan, workspace);
        RequireAll(plan, workspace);
    }

    /// <summary>What is decoded natively is looked at before, since a damaged file can end the process there.</summary>
    private static void RequireImages(InferencePlan plan, InferenceWorkspace workspace)
    {
        if (!plan.HasImages)
            return;
        for (var input = 0; input < plan.Inputs.Length; input++)
        {
            if (plan.Inputs[input].IsImage && !ImageHeader.TryRead(workspace.ElementsOf(input), out _, out var problem))
                throw new InferenceRequestException($"The input '{plan.Inputs[input].Name}' takes the bytes of a JPEG or PNG file: {problem}.");
        }
    }

    private static void ReadJson(in ReadOnlySequence<byte> sent, bool hasHeaderLength, InferencePlan plan, InferenceWorkspace workspace)
    {
        // In one piece it is read faster, and .NET's reader throws on some invalid literals that are cut by the end of a piece.
        var json = sent.IsSingleSegment ? sent.FirstSpan : workspace.Join(sent);
        if (json.StartsWith(Encoding.UTF8.Preamble))
            json = json[Encoding.UTF8.Preamble.Length..];
        if (json.IsEmpty)
            throw new InferenceRequestException($"The request is empty. {Form}");
        var reader = new Utf8JsonReader(json);
        try
        {
            ReadRequest(ref reader, json.Length, plan, workspace);
        }
        catch (JsonException e)
        {
            throw new InferenceRequestException($"The request is not valid JSON: line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}."
                + (workspace.BinaryInputs.Count > 0 && !hasHeaderLength && reader.TokenType == JsonTokenType.EndObject && reader.CurrentDepth == 0 ? $" {HeaderForm}" : ""));
        }
    }

    private static void ReadRequest(ref Utf8JsonReader reader, long length, InferencePlan plan, InferenceWorkspace workspace)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new InferenceRequestException($"The request is not an object. {Form}");
        var (id, parameters, inputs, outputs) = (false, false, false, false);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (Is(ref reader, "id"u8))
            {
                Once(ref id, "id", "the request");
                if (!IsLeftOut(ref reader))
                    workspace.Id = Encoding.UTF8.GetString(Utf8(ref reader, "'id'", workspace));
            }
            else if (Is(ref reader, "parameters"u8))
            {
                Once(ref parameters, "parameters", "the request");
                workspace.BinaryOutputs = ReadParameters(ref reader, "the request").BinaryOutput ?? false;
            }
            else if (Is(ref reader, "inputs"u8))
            {
                Once(ref inputs, "inputs", "the request");
                BeginArray(ref reader, "'inputs'");
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                    ReadInput(ref reader, length, plan, workspace);
            }
            else if (Is(ref reader, "outputs"u8))
            {
                Once(ref outputs, "outputs", "the request");
                if (IsLeftOut(ref reader))
                    continue;
                BeginArray(ref reader, "'outputs'");
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                    ReadOutput(ref reader, plan, workspace);
            }
            else
            {
                reader.Skip();
            }
        }

        // Whatever follows the object is an error that the reader finds.
        reader.Read();
        if (!inputs)
            throw new InferenceRequestException($"The request has no 'inputs'. {Needed(plan)}");
    }

    private static void ReadInput(ref Utf8JsonReader reader, long length, InferencePlan plan, InferenceWorkspace workspace)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new InferenceRequestException("An element of 'inputs' is not an object.");
        var (input, rank, datatype) = (-1, -1, (Datatype?)null);
        var (hasParameters, hasData, isRead) = (false, false, false);
        long? binaryBytes = null;
        var data = default(Utf8JsonReader);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (Is(ref reader, "name"u8))
            {
                if (input >= 0)
                    throw Twice("name", Subject(plan, input));
                input = FindInput(ref reader, plan, workspace);
                if (workspace.IsGiven(input) || workspace.BinaryInputs.Exists(b => b.Input == input))
                    throw new InferenceRequestException($"The input '{plan.Inputs[input].Name}' is given twice.");
            }
            else if (Is(ref reader, "shape"u8))
            {
                if (rank >= 0)
                    throw Twice("shape", Subject(plan, input));
                rank = ReadShape(ref reader, Subject(plan, input), workspace.ShapeBuffer);
            }
            else if (Is(ref reader, "datatype"u8))
            {
                if (datatype is not null)
                    throw Twice("datatype", Subject(plan, input));
                datatype = ReadDatatype(ref reader, Subject(plan, input));
            }
            else if (Is(ref reader, "parameters"u8))
            {
                Once(ref hasParameters, "parameters", Subject(plan, input));
                binaryBytes = ReadParameters(ref reader, Subject(plan, input)).BinaryBytes;
            }
            else if (Is(ref reader, "data"u8))
            {
                if (IsLeftOut(ref reader))
                    continue;
                Once(ref hasData, "data", Subject(plan, input));
                reader.Read();
                if (input >= 0 && rank >= 0 && datatype is not null)
                {
                    ReadData(ref reader, length, plan, input, datatype, workspace.ShapeBuffer[..rank], workspace);
                    isRead = true;
                }
                else
                {
                    // What it is follows in the object, so it is read afterwards.
                    data = reader;
                    reader.Skip();
                }
            }
            else
            {
                reader.Skip();
            }
        }

        if (input < 0)
            throw new InferenceRequestException($"An input has no 'name'. {Needed(plan)}");
        var tensor = plan.Inputs[input];
        if (rank < 0)
            throw new InferenceRequestException($"The input '{tensor.Name}' has no 'shape'.");
        if (datatype is null)
            throw new InferenceRequestException($"The input '{tensor.Name}' has no 'datatype'.");
        if (hasData == binaryBytes is not null)
            throw new InferenceRequestException($"The input '{tensor.Name}' needs either 'data' or, for binary data after the JSON object, the parameter 'binary_data_size'.");
        if (binaryBytes is { } bytes)
            AddBinary(plan, input, datatype, workspace.ShapeBuffer[..rank], bytes, workspace);
        else if (!isRead)
            ReadData(ref data, length, plan, input, datatype, workspace.ShapeBuffer[..rank], workspace);
    }

    private static void ReadData(
        ref Utf8JsonReader reader, long length, InferencePlan plan, int input, Datatype datatype, ReadOnlySpan<long> shape, InferenceWorkspace workspace)
    {
        var count = Check(plan, input, datatype, shape, workspace);
        // Each element is at least a digit and a comma, so a shape that lies is found before memory is taken for it.
        if (count > (length - reader.BytesConsumed) / 2)
            throw new InferenceRequestException($"The input '{plan.Inputs[input].Name}' has the shape [{Join(shape)}], which is more than its 'data' can hold.");
        if (datatype == Datatype.Bytes)
            JsonTensorReader.ReadTexts(ref reader, plan.Inputs[input], shape, workspace.AddTexts(input, shape, count), count, workspace);
        else
            JsonTensorReader.Read(ref reader, plan.Inputs[input], shape, workspace.AddElements(input, datatype, shape, count));
    }

    /// <summary>Takes note of binary data: its size is checked now, and its memory taken once the bytes are there.</summary>
    private static void AddBinary(InferencePlan plan, int input, Datatype datatype, ReadOnlySpan<long> shape, long bytes, InferenceWorkspace workspace)
    {
        var count = Check(plan, input, datatype, shape, workspace);
        var name = plan.Inputs[input].Name;
        if (datatype == Datatype.Bytes ? bytes < 4L * count : bytes != (long)count * datatype.Size)
            throw new InferenceRequestException($"The input '{name}' has {bytes} bytes of binary data; {datatype.Name} of shape [{Join(shape)}] has {(datatype == Datatype.Bytes ? $"at least {4L * count}" : $"{(long)count * datatype.Size}")}.");
        workspace.BinaryInputs.Add((input, bytes, shape.ToArray()));
    }

    private static void ReadBinary(ReadOnlySequence<byte> rest, bool hasHeaderLength, InferencePlan plan, InferenceWorkspace workspace)
    {
        foreach (var (input, bytes, shape) in workspace.BinaryInputs)
        {
            if (bytes > rest.Length)
            {
                throw new InferenceRequestException($"The binary data of the input '{plan.Inputs[input].Name}' has {bytes} bytes, and {rest.Length} are left of the body."
                    + (hasHeaderLength ? "" : $" {HeaderForm}"));
            }

            AddBinary(rest.Slice(0, bytes), plan, input, shape, workspace);
            rest = rest.Slice(bytes);
        }

        if (rest.Length > 0)
            throw new InferenceRequestException($"The body has {rest.Length} bytes more than its inputs' 'binary_data_size' add up to.");
    }

    private static void AddBinary(in ReadOnlySequence<byte> data, InferencePlan plan, int input, ReadOnlySpan<long> shape, InferenceWorkspace workspace)
    {
        var tensor = plan.Inputs[input];
        var count = Count(shape, tensor);
        if (tensor.Datatype == Datatype.Bytes)
            BinaryTensorReader.ReadTexts(data, tensor, workspace.AddTexts(input, shape, count), count, workspace);
        else
            BinaryTensorReader.Read(data, tensor, workspace.AddElements(input, tensor.Datatype, shape, count));
    }

    /// <summary>One input's elements and nothing else: its shape follows from their number, and all outputs come as binary data.</summary>
    private static void ReadRaw(in ReadOnlySequence<byte> body, InferencePlan plan, InferenceWorkspace workspace)
    {
        if (plan.Inputs is not [var tensor])
            throw new InferenceRequestException($"The model takes {plan.Inputs.Length} inputs; only for a model of one may the JSON object be left out.");
        workspace.BinaryOutputs = true;
        Span<long> shape = tensor.Shape.Length > InferenceWorkspace.MaxRank ? new long[tensor.Shape.Length] : workspace.ShapeBuffer[..tensor.Shape.Length];
        tensor.Shape.CopyTo(shape);
        if (tensor.Datatype == Datatype.Bytes)
        {
            // The whole body is the one text, without its length.
            shape.Replace(-1, 1);
            if (Count(shape, tensor) != 1)
                throw new InferenceRequestException($"The model takes '{tensor.Name}' in the shape [{Join(tensor.Shape)}]; the JSON object may be left out only for one text.");
            var target = workspace.AddTexts(0, shape, 1);
            var text = body.FirstSpan;
            if (!body.IsSingleSegment)
            {
                var whole = workspace.Scratch(checked((int)body.Length));
                body.CopyTo(whole);
                text = whole;
            }

            target.StringTensorSetElementAt(text, 0);
            return;
        }

        // Of several dimensions that vary the first is the rows, of which there is one then.
        if (shape.Count(-1) > 1 && shape[0] < 0)
            shape[0] = 1;
        if (shape.Count(-1) > 1)
            throw new InferenceRequestException($"The model takes '{tensor.Name}' in the shape [{Join(tensor.Shape)}], which does not follow from a number of bytes. Send a JSON object with its shape.");
        var free = shape.IndexOf(-1);
        if (free >= 0)
        {
            shape[free] = 1;
            var rest = (long)Count(shape, tensor) * tensor.Datatype.Size;
            shape[free] = rest == 0 ? 0 : body.Length / rest;
        }

        if (body.Length != (long)Count(shape, tensor) * tensor.Datatype.Size)
            throw new InferenceRequestException($"The body has {body.Length} bytes, which is no {tensor.Datatype.Name} of shape [{Join(tensor.Shape)}].");
        AddBinary(body, plan, 0, shape, workspace);
    }

    private static void ReadOutput(ref Utf8JsonReader reader, InferencePlan plan, InferenceWorkspace workspace)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new InferenceRequestException("An element of 'outputs' is not an object.");
        var output = -1;
        var hasParameters = false;
        var parameters = default(Parameters);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (Is(ref reader, "name"u8))
            {
                if (output >= 0)
                    throw Twice("name", "an output");
                output = FindOutput(ref reader, plan, workspace);
            }
            else if (Is(ref reader, "parameters"u8))
            {
                Once(ref hasParameters, "parameters", "an output");
                parameters = ReadParameters(ref reader, "an output");
            }
            else
            {
                reader.Skip();
            }
        }

        if (output < 0)
            throw new InferenceRequestException("An output has no 'name'.");
        if (workspace.Requested.Exists(o => o.Output == output))
            throw new InferenceRequestException($"The output '{plan.Outputs[output].Name}' is requested twice.");
        workspace.Requested.Add(new(output, parameters.Binary, parameters.Classes));
    }

    /// <summary>Checks an input against the model.</summary>
    /// <returns>How many elements it has.</returns>
    private static int Check(InferencePlan plan, int input, Datatype datatype, ReadOnlySpan<long> shape, InferenceWorkspace workspace)
    {
        var tensor = plan.Inputs[input];
        if (datatype != tensor.Datatype)
            throw new InferenceRequestException($"The input '{tensor.Name}' is {datatype.Name}; the model takes {tensor.Datatype.Name}.");
        if (tensor.Shape.Length > 0)
        {
            if (tensor.Shape.Length != shape.Length)
                throw Misshapen(tensor, shape);
            for (var i = 0; i < shape.Length; i++)
            {
                if (tensor.Shape[i] >= 0 && tensor.Shape[i] != shape[i])
                    throw Misshapen(tensor, shape);
                if (tensor.Symbols[i] >= 0 && workspace.Agree(tensor.Symbols[i], shape[i]) is >= 0 and var other)
                    throw new InferenceRequestException($"The input '{tensor.Name}' has {shape[i]} in dimension {i}, where another input has {other}; the model takes the same in both.");
            }
        }

        return Count(shape, tensor);
    }

    private static InferenceRequestException Misshapen(TensorPlan tensor, ReadOnlySpan<long> shape) => new(
        $"The input '{tensor.Name}' has the shape [{Join(shape)}]; the model takes [{Join(tensor.Shape)}]{(tensor.Shape.Contains(-1) ? ", where -1 is any length" : "")}.");

    private static int Count(ReadOnlySpan<long> shape, TensorPlan tensor)
    {
        // A dimension of none does not excuse others beyond all bounds: native code multiplies them.
        var (count, bound) = (1L, 1L);
        foreach (var length in shape)
        {
            count *= length;
            bound *= Math.Max(1, length);
            if (bound > Array.MaxLength)
                throw new InferenceRequestException($"The input '{tensor.Name}' has the shape [{Join(shape)}], which is more than one request may have.");
        }

        return (int)count;
    }

    private static void RequireAll(InferencePlan plan, InferenceWorkspace workspace)
    {
        for (var i = 0; i < plan.Inputs.Length; i++)
        {
            if (!workspace.IsGiven(i))
                throw new InferenceRequestException($"The input '{plan.Inputs[i].Name}' is not given. {Needed(plan)}");
        }
    }

    private static int ReadShape(ref Utf8JsonReader reader, string subject, Span<long> shape)
    {
        BeginArray(ref reader, $"'shape' of {subject}");
        var rank = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (rank == shape.Length)
                throw new InferenceRequestException($"'shape' of {subject} has more than {shape.Length} dimensions.");
            // Beyond 31 bits no product of dimensions is a tensor; within them none of two overflows.
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var length) || length is < 0 or > int.MaxValue)
                throw new InferenceRequestException($"'shape' of {subject} has a dimension that is no whole number from 0 to {int.MaxValue}.");
            shape[rank++] = length;
        }

        return rank;
    }

    private static Datatype ReadDatatype(ref Utf8JsonReader reader, string subject)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.String)
        {
            foreach (var datatype in Datatype.All)
            {
                if (Is(ref reader, datatype.Utf8Name))
                    return datatype;
            }
        }

        throw new InferenceRequestException($"'datatype' of {subject} is none of {string.Join(", ", Datatype.All.Select(d => d.Name))}.");
    }

    private static Parameters ReadParameters(ref Utf8JsonReader reader, string subject)
    {
        if (IsLeftOut(ref reader))
            return default;
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new InferenceRequestException($"'parameters' of {subject} is not an object.");
        var parameters = default(Parameters);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (Is(ref reader, "binary_data_size"u8))
            {
                reader.Read();
                if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var bytes) || bytes < 0)
                    throw new InferenceRequestException($"'binary_data_size' of {subject} is no whole number of bytes.");
                if (parameters.BinaryBytes is not null)
                    throw Twice("binary_data_size", subject);
                parameters.BinaryBytes = bytes;
            }
            else if (Is(ref reader, "binary_data"u8))
            {
                parameters.Binary = Boolean(ref reader, "binary_data", subject);
            }
            else if (Is(ref reader, "binary_data_output"u8))
            {
                parameters.BinaryOutput = Boolean(ref reader, "binary_data_output", subject);
            }
            else if (Is(ref reader, "classification"u8))
            {
                reader.Read();
                if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out var classes) || classes < 1)
                    throw new InferenceRequestException($"'classification' of {subject} is no number of classes from 1.");
                parameters.Classes = classes;
            }
            else if (Is(ref reader, "shared_memory_region"u8))
            {
                throw new InferenceRequestException($"Shared memory ('shared_memory_region' of {subject}) is not supported. Send the data in the request.");
            }
            else
            {
                reader.Read();
                if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.Number or JsonTokenType.True or JsonTokenType.False))
                    throw new InferenceRequestException($"'parameters' of {subject} has a value that is no string, number or boolean.");
            }
        }

        return parameters;
    }

    private static bool Boolean(ref Utf8JsonReader reader, string name, string subject)
    {
        reader.Read();
        return reader.TokenType switch
        {
            JsonTokenType.True => true,
            JsonTokenType.False => false,
            _ => throw new InferenceRequestException($"'{name}' of {subject} is neither true nor false."),
        };
    }

    private static int FindInput(ref Utf8JsonReader reader, InferencePlan plan, InferenceWorkspace workspace)
    {
        var name = Utf8(ref reader, "'name' of an input", workspace);
        var index = plan.FindInput(name);
        return index >= 0 ? index : throw new InferenceRequestException($"The model has no input '{Excerpt.Of(Encoding.UTF8.GetString(name))}'. {Needed(plan)}");
    }

    private static int FindOutput(ref Utf8JsonReader reader, InferencePlan plan, InferenceWorkspace workspace)
    {
        var name = Utf8(ref reader, "'name' of an output", workspace);
        var index = plan.FindOutput(name);
        return index >= 0 ? index : throw new InferenceRequestException($"The model has no output '{Excerpt.Of(Encoding.UTF8.GetString(name))}'. It gives {List(plan.Outputs)}.");
    }

    /// <summary>Reads a string into the workspace's scratch memory.</summary>
    private static ReadOnlySpan<byte> Utf8(ref Utf8JsonReader reader, string subject, InferenceWorkspace workspace)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.String)
            throw new InferenceRequestException($"{subject} is not a string.");
        try
        {
            var text = workspace.Scratch(JsonTokens.LengthOf(ref reader));
            return text[..reader.CopyString(text)];
        }
        catch (InvalidOperationException)
        {
            throw new InferenceRequestException($"{subject} is not valid UTF-8.");
        }
    }

    private static void BeginArray(ref Utf8JsonReader reader, string subject)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
            throw new InferenceRequestException($"{subject} is not an array.");
    }

    /// <summary>Passes over null, which clients made from a schema send for what they leave out.</summary>
    private static bool IsLeftOut(ref Utf8JsonReader reader)
    {
        var next = reader;
        if (!next.Read() || next.TokenType != JsonTokenType.Null)
            return false;
        reader = next;
        return true;
    }

    private static bool Is(ref Utf8JsonReader reader, ReadOnlySpan<byte> name)
    {
        try
        {
            return reader.ValueTextEquals(name);
        }
        catch (InvalidOperationException)
        {
            throw new InferenceRequestException("A name in the request is not valid UTF-8.");
        }
    }

    private static void Once(ref bool seen, string name, string subject)
    {
        if (seen)
            throw Twice(name, subject);
        seen = true;
    }

    private static InferenceRequestException Twice(string name, string subject) => new($"'{name}' of {subject} is given twice.");

    private static string Subject(InferencePlan plan, int input) => input < 0 ? "an input" : plan.Inputs[input].Subject;

    private static string Needed(InferencePlan plan) => $"It takes {List(plan.Inputs)}.";

    private static string List(TensorPlan[] tensors) =>
        string.Join(", ", tensors.Take(20).Select(t => $"'{t.Name}' {t.Datatype.Name}[{Join(t.Shape)}]")) + (tensors.Length > 20 ? ", …" : "");

    private static string Join(ReadOnlySpan<long> shape) => string.Join(",", shape.ToArray());

    private struct Parameters
    {
        public long? BinaryBytes { get; set; }

        public bool? Binary { get; set; }

        public bool? BinaryOutput { get; set; }

        public int Classes { get; set; }
    }
}
