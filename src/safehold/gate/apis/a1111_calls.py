"""Calls of AUTOMATIC1111's API, understood, and written anew as they go on.

What goes on has the fields that are known here and no other; of the others nobody here could say
whether they save, fetch or read files. The server ignores fields that it does not know, so a
caller that sends more is answered as ever.

What would save pictures that nobody checked is set so that nothing is saved, and settings are
restored after each call, so that no call changes the next one's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from safehold.gate.apis import passing
from safehold.gate.apis.passing import BadCallError
from safehold.gate.encoded import Encoded, encode
from safehold.gate.model import Api, Generation, ModelName, Stage, UncheckedError, Words
from safehold.gate.pictures import Limits

MAX_VALUE: Final = 512
"""Longest text of a field that is no prompt, in characters."""

SETTINGS: Final = frozenset(
    {
        *("sd_model_checkpoint", "sd_vae", "CLIP_stop_at_last_layers", "eta_noise_seed_delta"),
        *("face_restoration_model", "code_former_weight", "face_restoration", "randn_source"),
        *("samples_format", "jpeg_quality", "webp_lossless", "return_grid", "upcast_attn"),
        *("img2img_color_correction", "inpainting_mask_weight", "initial_noise_multiplier"),
        *("token_merging_ratio", "token_merging_ratio_hr", "sgm_noise_multiplier"),
        *(
            "always_discard_next_to_last_sigma",
            "use_old_karras_scheduler_sigmas",
            "pad_cond_uncond",
        ),
        *("sd_checkpoint_hash", "forge_preset", "forge_additional_modules", "enable_pnginfo"),
    }
)
"""Settings of the server that a call may set for itself, and that are told."""

SCRIPTS: Final[frozenset[str]] = frozenset()
"""Scripts (`script_name`) that are let through: none, for a script may do anything."""

_PROMPTS: Final = frozenset({"prompt", "hr_prompt"})
_NEGATIVES: Final = frozenset({"negative_prompt", "hr_negative_prompt"})
_MODELS: Final = frozenset(
    {
        *("hr_checkpoint_name", "refiner_checkpoint", "hr_additional_modules"),
        *("sd_model_checkpoint", "sd_vae", "forge_additional_modules", "sd_checkpoint_hash"),
    }
)
_PLAIN: Final = frozenset(
    {
        *("seed", "subseed", "subseed_strength", "seed_resize_from_h", "seed_resize_from_w"),
        *("sampler_name", "sampler_index", "scheduler", "batch_size", "n_iter", "steps"),
        *("cfg_scale", "distilled_cfg_scale", "width", "height", "restore_faces", "tiling"),
        *("denoising_strength", "eta", "s_min_uncond", "s_churn", "s_tmax", "s_tmin", "s_noise"),
        *("refiner_checkpoint", "refiner_switch_at", "disable_extra_networks", "enable_hr"),
        *("firstphase_width", "firstphase_height", "hr_scale", "hr_upscaler", "hr_resize_x"),
        *("hr_second_pass_steps", "hr_resize_y", "hr_checkpoint_name", "hr_sampler_name"),
        *("hr_scheduler", "hr_cfg", "hr_distilled_cfg", "hr_additional_modules", "resize_mode"),
        *("image_cfg_scale", "mask_blur", "mask_blur_x", "mask_blur_y", "mask_round"),
        *("inpainting_fill", "inpaint_full_res", "inpaint_full_res_padding"),
        *("inpainting_mask_invert", "initial_noise_multiplier", "styles"),
    }
)
_FORCED: Final[Mapping[str, Any]] = {
    "save_images": False,
    "send_images": True,
    "do_not_save_samples": True,
    "do_not_save_grid": True,
    "override_settings_restore_afterwards": True,
}
_EXTRAS: Final = frozenset(
    {
        *("resize_mode", "gfpgan_visibility", "codeformer_visibility", "codeformer_weight"),
        *("upscaling_resize", "upscaling_resize_w", "upscaling_resize_h", "upscaling_crop"),
        *("upscaler_1", "upscaler_2", "extras_upscaler_2_visibility", "upscale_first"),
    }
)
_UNIT_PICTURES: Final = frozenset(
    {"image", "input_image", "mask", "mask_image", "effective_region_mask"}
)
_UNIT_PLAIN: Final = frozenset(
    {
        *("enabled", "module", "weight", "resize_mode", "low_vram", "lowvram", "processor_res"),
        *("threshold_a", "threshold_b", "guidance", "guidance_start", "guidance_end"),
        *("control_mode", "pixel_perfect", "hr_option", "save_detected_map", "guess_mode"),
        *("inpaint_crop_input_image", "union_control_type", "pulid_mode", "ipadapter_input"),
    }
)
_GUIDANCE: Final = frozenset({"cfg_scale", "hr_cfg", "image_cfg_scale"})


@dataclass(frozen=True, slots=True)
class Making:
    """A call as it was understood.

    Attributes:
        onward: its body as it goes on.
        words: what is asked for.
        seed: as it was said, or empty.
    """

    onward: Mapping[str, Any] = field(repr=False)
    words: Words
    seed: str = ""

    def about(self, models: tuple[ModelName, ...] = (), seed: str = "") -> Generation:
        """What is known of the making, and what the answer says of it."""
        words = "\n".join((*self.words.texts, *self.words.negatives))
        named = tuple(dict.fromkeys((*self.words.models, *models)))
        return Generation(Api.A1111, words, named, seed or self.seed)


class _Reading:
    """Gathers what a call asks for, and what of it goes on."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.onward: dict[str, Any] = {}
        self.texts: list[str] = []
        self.negatives: list[str] = []
        self.models: list[ModelName] = []
        self.pictures: list[bytes] = []
        self.others: list[str] = []
        self._turned = False

    def words(self) -> Words:
        """What is asked for. Raises `UncheckedError`."""
        # Fields that are no pictures' may hold some all the same.
        named = [model.name for model in self.models]
        rest = [*self.texts, *self.negatives, *self.others, *named]
        self.pictures += [one.picture for one in passing.inputs(rest, self._limits).pictures]
        if len(self.pictures) > self._limits.max_pictures:
            raise UncheckedError(Stage.INPUT)
        # Of what is left out nothing is searched for, unless it comes to be asked for so.
        turned = [text for text in self.negatives if self._turned or passing.is_turned(text)]
        negatives = [text for text in self.negatives if text not in turned]
        texts = [*self.texts, *turned, *filter(None, map(passing.without_tags, self.texts))]
        return Words(tuple(texts), tuple(negatives), tuple(self.models), tuple(self.pictures))

    def prompt(self, name: str, value: object) -> None:
        """A prompt: words, and models that it names."""
        value = passing.plain(value)
        if value is None:
            return
        if not isinstance(value, str):
            raise BadCallError
        (self.negatives if name in _NEGATIVES else self.texts).append(value)
        self.models += map(ModelName, passing.networks(value))
        self.onward[name] = value

    def plain(self, name: str, value: object) -> Any:
        """A value that is none of words: a number, a name from a list of the server's."""
        if name in _GUIDANCE and passing.turns_around(value):
            self._turned = True
        if isinstance(value, list) and len(value) <= self._limits.max_pictures:
            return [self.plain(name, item) for item in value]
        if isinstance(value, str) and len(value) <= MAX_VALUE:
            if name in _MODELS or name == "model":
                self.models.append(ModelName(value))
            else:
                # Styles are the server's own prompts by name.
                (self.texts if name == "styles" else self.others).append(value)
        elif not (value is None or isinstance(value, int | float)):
            raise BadCallError
        return value

    def picture(self, value: object) -> Any:
        """A picture's field. Raises `UncheckedError` where it holds anything else, or names it."""
        if value is None or value == "":
            return value
        if isinstance(value, list):
            return [self.picture(item) for item in value]
        data = passing.picture_in(value)
        self.pictures.append(data)
        # Written in one way alone: decoders differ in what they make of stray signs.
        return Encoded(encode(data), data)


def making(said: Mapping[str, Any], limits: Limits, *, from_picture: bool) -> Making:
    """A call that makes pictures (`txt2img`, or `img2img` with `from_picture`).

    Raises:
        BadCallError: it is not as the API has it, or asks for a script.
        UncheckedError: it holds, or names, what cannot be looked at.
    """
    reading = _Reading(limits)
    for name, value in said.items():
        if name in _PROMPTS or name in _NEGATIVES:
            reading.prompt(name, value)
        elif name in _PLAIN:
            reading.onward[name] = reading.plain(name, value)
        elif from_picture and name in ("init_images", "mask", "latent_mask"):
            reading.onward[name] = reading.picture(value)
    if said.get("script_name") and str(said["script_name"]).lower() not in SCRIPTS:
        raise BadCallError
    settings = _members(said.get("override_settings"))
    reading.onward["override_settings"] = {
        name: reading.plain(name, value) for name, value in settings.items() if name in SETTINGS
    }
    scripts = _members(said.get("alwayson_scripts"))
    reading.onward["alwayson_scripts"] = {
        name: _control(reading, value) for name, value in scripts.items() if _is_asked(name, value)
    }
    reading.onward.update(_FORCED)
    if from_picture:
        reading.onward["include_init_images"] = False
    seed = said.get("seed")
    return Making(reading.onward, reading.words(), str(seed) if isinstance(seed, int) else "")


def extras(said: Mapping[str, Any], limits: Limits, *, several: bool) -> Making:
    """A call that enlarges pictures. Raises as `making`."""
    reading = _Reading(limits)
    reading.onward = {
        name: reading.plain(name, value) for name, value in said.items() if name in _EXTRAS
    }
    reading.onward["show_extras_results"] = True
    if several:
        items = said.get("imageList")
        if not isinstance(items, list):
            raise BadCallError
        reading.onward["imageList"] = [
            {"data": reading.picture(_members(item).get("data")), "name": f"{at}.png"}
            for at, item in enumerate(items)
        ]
    else:
        reading.onward["image"] = reading.picture(said.get("image"))
    return Making(reading.onward, reading.words())


def looking(said: Mapping[str, Any], limits: Limits) -> Making:
    """A call that asks what a picture is or holds. Raises as `making`."""
    reading = _Reading(limits)
    reading.onward["image"] = reading.picture(said.get("image"))
    if "model" in said:
        reading.onward["model"] = reading.plain("interrogator", said["model"])
    return Making(reading.onward, reading.words())


def _is_asked(name: str, value: object) -> bool:
    """Whether a script that runs with every call is given anything; only ControlNet may be."""
    if not _members(value).get("args"):
        return False
    if name.strip().lower() != "controlnet":
        raise BadCallError
    return True


def _control(reading: _Reading, value: object) -> dict[str, Any]:
    """ControlNet's units. Their pictures may be files of the server's by name; here none is."""
    units = _members(value).get("args")
    if not isinstance(units, list):
        raise BadCallError
    return {"args": [_unit(reading, unit) for unit in units]}


def _unit(reading: _Reading, unit: object) -> Any:
    if unit is None or isinstance(unit, bool):
        return unit
    out: dict[str, Any] = {}
    for name, value in _members(unit).items():
        if name in _UNIT_PICTURES:
            out[name] = _unit_picture(reading, value)
        elif name in _UNIT_PLAIN or name == "model":
            out[name] = reading.plain(name, value)
    return out


def _unit_picture(reading: _Reading, value: object) -> Any:
    one: Callable[[object], Any] = reading.picture
    if isinstance(value, dict):
        return {name: one(value[name]) for name in ("image", "mask") if name in value}
    return one(value)


def _members(value: object) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadCallError
    return value
