using System.ComponentModel;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.LocalHost.Functions;

/// <summary>Turns what a trigger hands over into what a parameter asks for.</summary>
internal static class TriggerValues
{
    /// <summary>As the genuine worker reads payloads; with fields, which the durable engine's converter writes.</summary>
    private static readonly JsonSerializerOptions Json = new() { PropertyNameCaseInsensitive = true, IncludeFields = true };

    /// <summary>Whether a parameter of this type can get a value by its name.</summary>
    public static bool IsNamedValueType(Type type)
    {
        var target = Nullable.GetUnderlyingType(type) ?? type;
        return target == typeof(string) || target.IsEnum || (target.IsValueType && IsParsable(target));
    }

    /// <summary>Whether a blob or message can become this type.</summary>
    public static bool IsPayloadType(Type type) =>
        type == typeof(Stream) || type == typeof(string) || type == typeof(byte[]) || type == typeof(BinaryData);

    /// <exception cref="FunctionInputConverterException">The value is missing or has another form.</exception>
    public static T? ConvertNamed<T>(object? value, string function, string parameter)
    {
        switch (value)
        {
            case T already:
                return already;
            case null when default(T) is null:
                return default;
            case null:
                throw new FunctionInputConverterException($"Function '{function}' got no value for its parameter '{parameter}'. Make the parameter nullable or give it a default value.");
        }

        var target = Nullable.GetUnderlyingType(typeof(T)) ?? typeof(T);
        try
        {
            var text = Convert.ToString(value, CultureInfo.InvariantCulture)!;
            return (T?)(target == typeof(string) ? text : TypeDescriptor.GetConverter(target).ConvertFromInvariantString(text));
        }
        catch (Exception exception) when (exception is FormatException or ArgumentException or NotSupportedException or OverflowException)
        {
            throw new FunctionInputConverterException($"Function '{function}' cannot read its parameter '{parameter}' as {target.Name}.", exception);
        }
    }

    /// <exception cref="FunctionInputConverterException">The value cannot become the type.</exception>
    public static ValueTask<object?> ConvertPayloadAsync(object? value, Type target, string function, string parameter, CancellationToken cancellationToken)
    {
        switch (value)
        {
            case null when !target.IsValueType || Nullable.GetUnderlyingType(target) is not null:
                return default;
            case not null when target.IsInstanceOfType(value):
                return ValueTask.FromResult<object?>(value);
            case Stream stream when IsPayloadType(target):
                return ReadAsync(stream, target, cancellationToken);
            case BinaryData data when IsPayloadType(target):
                return ValueTask.FromResult<object?>(OfBytes(data, target));
            case string text when IsPayloadType(target):
                return ValueTask.FromResult<object?>(OfBytes(BinaryData.FromString(text), target));
        }

        try
        {
            return ValueTask.FromResult(value switch
            {
                JsonElement { ValueKind: JsonValueKind.String } element when target == typeof(string) => element.GetString(),
                JsonElement element when target == typeof(string) && element.ValueKind != JsonValueKind.Null => element.GetRawText(),
                JsonElement element => element.Deserialize(target, Json),
                string text => JsonSerializer.Deserialize(text, target, Json),
                _ => throw new FunctionInputConverterException($"Function '{function}' cannot get a {value?.GetType().Name ?? "missing value"} as its parameter '{parameter}' of type {target.Name}."),
            });
        }
        catch (Exception exception) when (exception is JsonException or NotSupportedException)
        {
            throw new FunctionInputConverterException($"Function '{function}' cannot read its parameter '{parameter}' as {target.Name}.", exception);
        }
    }

    private static async ValueTask<object?> ReadAsync(Stream stream, Type target, CancellationToken cancellationToken) =>
        OfBytes(await BinaryData.FromStreamAsync(stream, cancellationToken), target);

    private static object OfBytes(BinaryData data, Type target)
    {
        if (target == typeof(string))
            return Encoding.UTF8.GetString(data.ToMemory().Span);
        if (target == typeof(byte[]))
            return data.ToArray();
        return target == typeof(Stream) ? data.ToStream() : data;
    }

    private static bool IsParsable(Type type) =>
        type.GetInterfaces().Any(candidate => candidate.IsGenericType && candidate.GetGenericTypeDefinition() == typeof(IParsable<>))
        && TypeDescriptor.GetConverter(type).CanConvertFrom(typeof(string));
}
