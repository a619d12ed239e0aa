"use strict";
// The volume that is open: its image, and one overlay that is painted anew from the masks whenever a choice changes.

const $ = id => document.getElementById(id);
const chosen = name => document.querySelector(`input[name=${name}]:checked`).value;
const COLOURS = ["reference", "prediction", "both", "missed", "extra"];
// A voxel of the overlay is 0 or one of these, which lie amid the values that have its colour.
const APART = 40;
const [REFERENCE, PREDICTION, BOTH, MISSED, EXTRA] = COLOURS.map((_, place) => (place + 1) * APART);
const MANY_SLICES = 5;
// What is filled hides more of the image, so each way of drawing keeps an opacity of its own, in percent.
const opacities = { outline: 90, filled: 40 };

const nv = new niivue.Niivue({
  isRadiologicalConvention: true,
  sagittalNoseLeft: true,
  showAllOrientationMarkers: true,
  multiplanarShowRender: niivue.SHOW_RENDER.NEVER,
  isNearestInterpolation: true,
  mouseEventConfig: {
    leftButton: { primary: niivue.DRAG_MODE.crosshair, withShift: niivue.DRAG_MODE.pan },
    rightButton: niivue.DRAG_MODE.windowing,
    centerButton: niivue.DRAG_MODE.pan,
  },
  // The wheel too goes up towards the head.
  invertScrollDirection: true,
  dragAndDropEnabled: false,
  crosshairColor: [0.35, 0.75, 0.5, 0.8],
  crosshairWidth: 0,
  crosshairWidthUnit: "mm",
  fontColor: [0.9, 0.9, 0.9, 1],
  loadingText: "",
  logLevel: "error",
});
// Masks are drawn voxel by voxel, but grey values smooth.
const { updateInterpolation } = nv;
nv.updateInterpolation = (layer, smooth) => updateInterpolation.call(nv, layer, smooth || layer === 0);
// Left, top, width and height of the axial, coronal and sagittal slice, as shares of a wide and of a high stage.
const WIDE = [[0, 0, 0.6, 1], [0.6, 0, 0.4, 0.5], [0.6, 0.5, 0.4, 0.5]];
const HIGH = [[0, 0, 1, 0.5], [0, 0.5, 1, 0.25], [0, 0.75, 1, 0.25]];
// The entry of a table, its experiment, the image, and the masks by kind, each filled and outlined.
let shown = null;
// Raised by each opening, so that a slower one that was left does not come on top.
let openings = 0;

// Volumes are scripts, since a page opened from disk may not read other files.

const awaited = new Map();

function volumeArrived(name, base64) {
  awaited.get(name)(base64);
}

async function readVolume(name) {
  const base64 = await new Promise((resolve, reject) => {
    awaited.set(name, resolve);
    const script = make("script", { src: `volumes/${name}.js` });
    script.addEventListener("load", () => script.remove());
    script.addEventListener("error", () => reject(new Error(`volumes/${name}.js cannot be read. Make the viewer anew.`)));
    document.head.append(script);
  });
  return niivue.NVImage.loadFromBase64({ base64, name: "volume.nii.gz" });
}

// Opening

async function open(entry, experiment) {
  const opening = ++openings;
  const predicted = Object.keys(entry.predictions);
  const wanted = predicted.includes(experiment) ? experiment : predicted[0];
  mark(entry, wanted);
  try {
    const files = filesOf(entry, wanted);
    const kept = shown && shown.files.image === files.image;
    const [image, reference, prediction] = await Promise.all([
      kept ? shown.image : readVolume(files.image),
      files.reference && readVolume(files.reference),
      readVolume(files.prediction),
      started,
    ]);
    if (opening === openings) show({ entry, experiment: wanted, files, image }, { reference, prediction }, kept);
  } catch (error) {
    if (opening === openings) close(entry, error.message);
  }
}

function filesOf(entry, experiment) {
  if (!entry.image) throw new Error("Its image was not kept: segment the study again, and make the viewer anew.");
  const { organ } = entry.predictions[experiment];
  return {
    image: `${entry.folder}/image`,
    reference: entry.references.includes(organ) ? `${entry.folder}/reference_${organ}` : null,
    prediction: `${entry.folder}/prediction_${experiment}`,
  };
}

function show(opened, masks, kept) {
  shown = opened;
  setVisible(true);
  shown.masks = {};
  for (const [kind, volume] of Object.entries(masks)) {
    if (volume) shown.masks[kind] = { filled: volume.img, outline: outlineOf(volume.img, gridOf(volume)) };
  }
  const { image } = shown, overlay = masks.prediction;
  overlay.img = new Uint8Array(overlay.img.length);
  overlay.colormap = "overlay";
  // After the colours: NiiVue derives these from the voxels, which are still empty.
  Object.assign(overlay, { cal_min: 0, cal_max: 255 });
  // As `addVolume` does, but with one update for both: without a graphics card each takes a second.
  Object.assign(nv, { volumes: [image, overlay], back: image, overlays: [overlay] });
  describe();
  paint();
  if (!kept) {
    limitWindow();
    Object.assign(image, { cal_min: image.robust_min, cal_max: image.robust_max });
  }
  overlay.opacity = opacities[chosen("drawn")] / 100;
  nv.updateGLVolume();
  showWindow();
  if (!kept) {
    $("zoom").value = 1;
    nv.scene.pan2Dxyzmm = [0, 0, 0, 1];
    nv.scene.crosshairPos = [0.5, 0.5, 0.5];
    goTo(largestSlice());
  }
  $("canvas").focus({ preventScroll: true });
  $("viewer").scrollIntoView({ block: "nearest" });
}

function close(entry, fault) {
  shown = null;
  setVisible(false);
  $("opened").textContent = titleOf(entry);
  $("about").textContent = fault;
  $("flags").hidden = true;
}

function setVisible(visible) {
  for (const id of ["tools", "stage", "below"]) $(id).hidden = !visible;
}

function mark(entry, experiment) {
  document.querySelectorAll("tr[aria-current]").forEach(row => row.removeAttribute("aria-current"));
  document.querySelectorAll("td.open").forEach(cell => cell.classList.remove("open"));
  entry.row.setAttribute("aria-current", "true");
  for (const cell of entry.row.cells) cell.classList.toggle("open", cell.dataset.experiment === experiment);
}

// Words

function titleOf(entry) {
  return entry.patient ? `Patient ${entry.patient}, ${entry.title}` : `Study ${entry.name}`;
}

function describe() {
  const { entry, experiment } = shown, prediction = entry.predictions[experiment];
  $("opened").textContent = titleOf(entry);
  const organ = prediction.organ.replace("_", " ");
  const told = [`${organ}, predicted ${fixed(prediction.predicted_ml, 0)} mL`];
  if (prediction.reference_ml !== null) told.push(`ground truth ${fixed(prediction.reference_ml, 0)} mL`);
  else told.push("no ground truth");
  if (prediction.dice_3d !== null) told.push(`3D Dice ${fixed(prediction.dice_3d, 3)}`);
  told.push(prediction.by);
  if (entry.missing.length) told.push(`slices without an image: ${entry.missing.join(", ")}`);
  $("about").textContent = `${told.join("; ")}.`;
  $("flags").hidden = !entry.flags.length;
  $("flags").replaceChildren(...entry.flags.map(flag => make("li", { textContent: flag.sentence })));
  const names = Object.keys(entry.predictions);
  $("choice").hidden = !entry.patient;
  $("experiment").replaceChildren(...names.map(name => make("option", { value: name, textContent: name })));
  $("experiment").value = experiment;
  const compared = Boolean(shown.masks.reference);
  for (const kind of ["reference", "differences"]) $(kind).closest("label").hidden = !compared;
  $("both").hidden = !compared;
}

// Painting

function gridOf(volume) {
  const [, columns, rows, slices] = volume.hdr.dims, strides = [1, columns, columns * rows];
  // For each axis of the body (left, front, head): the volume's own axis, its length and step, and whether it runs back.
  return volume.permRAS.slice(0, 3).map(axis => {
    const own = Math.abs(axis) - 1;
    return { length: [columns, rows, slices][own], step: strides[own], back: axis < 0 };
  });
}

// The voxels of a mask that have a neighbour outside it within the axial slice.
function outlineOf(mask, [x, y, z]) {
  const outline = new Uint8Array(mask.length);
  for (let k = 0; k < z.length; k++) {
    for (let j = 0; j < y.length; j++) {
      for (let i = 0, at = k * z.step + j * y.step; i < x.length; i++, at += x.step) {
        if (!mask[at]) continue;
        const inside = i > 0 && mask[at - x.step] && i < x.length - 1 && mask[at + x.step]
          && j > 0 && mask[at - y.step] && j < y.length - 1 && mask[at + y.step];
        if (!inside) outline[at] = 1;
      }
    }
  }
  return outline;
}

function paint() {
  const { reference, prediction } = shown.masks, overlay = nv.volumes[1], nothing = new Uint8Array(overlay.img.length);
  const drawn = chosen("drawn");
  const truth = reference && $("reference").checked ? reference[drawn] : nothing;
  const found = $("prediction").checked ? prediction[drawn] : nothing;
  const differ = reference && $("differences").checked;
  const colour = [0, REFERENCE, PREDICTION, BOTH];
  for (let at = 0; at < overlay.img.length; at++) {
    let code = colour[(truth[at] ? 1 : 0) + (found[at] ? 2 : 0)];
    if (differ && (drawn === "filled" || !code) && Boolean(reference.filled[at]) !== Boolean(prediction.filled[at])) {
      code = reference.filled[at] ? MISSED : EXTRA;
    }
    overlay.img[at] = code;
  }
  $("opacity").value = opacities[drawn];
}

// Shows the overlay anew, and leaves the image as it is drawn.
function refresh() {
  const overlay = nv.volumes[1];
  overlay.opacity = opacities[chosen("drawn")] / 100;
  nv.refreshLayers(overlay, 1);
  nv.drawScene();
}

function repaint() {
  paint();
  refresh();
}

function takeOpacity() {
  opacities[chosen("drawn")] = Number($("opacity").value);
  refresh();
}

function addColours() {
  const style = getComputedStyle(document.documentElement);
  const hexes = ["#000000", ...COLOURS.map(name => style.getPropertyValue(`--${name}`).trim())];
  // Each colour from just above the middle of its value and the one before, to that of its value and the one after.
  const ends = hexes.map((_, place) => place * APART + APART / 2);
  const twice = values => values.flatMap(value => [value, value]);
  const channel = from => twice(hexes.map(hex => parseInt(hex.slice(from, from + 2), 16)));
  nv.addColormap("overlay", {
    R: channel(1), G: channel(3), B: channel(5), A: twice(hexes.map((_, place) => place ? 255 : 0)),
    I: ends.flatMap((end, place) => [place ? ends[place - 1] + 1 : 0, place === COLOURS.length ? 255 : end]),
  });
}

// Slices

function currentSlice() {
  return Math.round(nv.frac2vox(nv.scene.crosshairPos)[2]);
}

function goTo(slice) {
  const last = nv.volumes[0].dimsRAS[3] - 1;
  nv.moveCrosshairInVox(0, 0, Math.min(Math.max(slice, 0), last) - currentSlice());
}

// Where the organ is largest, counted from the feet.
function largestSlice() {
  const mask = (shown.masks.reference || shown.masks.prediction).filled, z = gridOf(shown.image)[2];
  const areas = new Array(z.length).fill(0);
  for (let at = 0; at < mask.length; at++) if (mask[at]) areas[Math.floor(at / z.step) % z.length]++;
  const own = Math.max(...areas) ? areas.indexOf(Math.max(...areas)) : z.length >> 1;
  return z.back ? z.length - 1 - own : own;
}

function tellSlice() {
  if (!shown) return;
  const slices = nv.volumes[0].dimsRAS[3], number = currentSlice() + 1;
  const place = nv.frac2mm(nv.scene.crosshairPos)[2];
  const missing = shown.entry.missing.includes(number) ? ", without an image" : "";
  Object.assign($("slice"), { max: slices, value: number });
  $("where").textContent = `${number} of ${slices} from the feet, z ${place.toFixed(1)} mm${missing}`;
}

const STEPS = {
  ArrowUp: 1, k: 1, ArrowDown: -1, j: -1, PageUp: MANY_SLICES, PageDown: -MANY_SLICES, Home: Infinity, End: -Infinity,
};

// Caught on their way down: NiiVue has keys of its own, which would change what is said here.
function onKey(event) {
  event.stopPropagation();
  if (event.ctrlKey || event.altKey || event.metaKey || !shown) return;
  if (event.key === "Escape") shown.entry.row.focus();
  else if (event.key in STEPS) goTo(currentSlice() + STEPS[event.key]);
  else return;
  event.preventDefault();
}

// Window

function limitWindow() {
  const { global_min: lowest, global_max } = shown.image, highest = Math.max(global_max, lowest + 1);
  Object.assign($("level"), { min: lowest, max: highest });
  Object.assign($("width"), { min: (highest - lowest) / 200, max: highest - lowest });
}

function resetWindow() {
  setWindow(shown.image.robust_min, shown.image.robust_max);
}

function setWindow(low, high) {
  Object.assign(shown.image, { cal_min: low, cal_max: high });
  nv.updateGLVolume();
  showWindow();
}

function showWindow() {
  if (!shown) return;
  const { cal_min: low, cal_max: high } = shown.image;
  $("level").value = (low + high) / 2;
  $("width").value = high - low;
}

function takeWindow() {
  const level = Number($("level").value), width = Number($("width").value);
  setWindow(level - width / 2, level + width / 2);
}

function choosePlanes() {
  const three = chosen("planes") === "three";
  nv.setCrosshairWidth(three ? 1 : 0);
  nv.setSliceType(three ? nv.sliceTypeMultiplanar : nv.sliceTypeAxial);
  if (three) {
    const kinds = [nv.sliceTypeAxial, nv.sliceTypeCoronal, nv.sliceTypeSagittal];
    const places = $("stage").clientWidth > $("stage").clientHeight ? WIDE : HIGH;
    nv.setCustomLayout(kinds.map((sliceType, number) => ({ sliceType, position: places[number] })));
  } else nv.clearCustomLayout();
}

function zoom() {
  const [x, y, z] = nv.scene.pan2Dxyzmm;
  nv.setPan2Dxyzmm([x, y, z, Number($("zoom").value)]);
}

async function start() {
  // The lists are shown first: without a graphics card the rest takes seconds.
  await new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
  if (!document.createElement("canvas").getContext("webgl2")) {
    throw new Error("This browser has no WebGL 2, by which volumes are drawn. Use another, or turn it on in its settings.");
  }
  await nv.attachToCanvas($("canvas"));
  // Gradients serve the rendering in 3D, which is not shown, and take seconds without a graphics card.
  nv.blurShader = nv.sobelFirstOrderShader = nv.passThroughShader;
  addColours();
  choosePlanes();
  nv.onLocationChange = tellSlice;
  nv.onIntensityChange = showWindow;
  $("reference").checked = $("prediction").checked = true;
  $("stage").addEventListener("keydown", onKey, true);
  $("stage").addEventListener("keyup", event => event.stopPropagation(), true);
  for (const id of ["reference", "prediction", "differences"]) $(id).addEventListener("change", repaint);
  document.getElementsByName("drawn").forEach(radio => radio.addEventListener("change", repaint));
  document.getElementsByName("planes").forEach(radio => radio.addEventListener("change", choosePlanes));
  $("opacity").addEventListener("input", takeOpacity);
  window.addEventListener("resize", choosePlanes);
  $("experiment").addEventListener("change", event => open(shown.entry, event.target.value));
  for (const id of ["level", "width"]) $(id).addEventListener("input", takeWindow);
  $("zoom").addEventListener("input", zoom);
  $("reset").addEventListener("click", resetWindow);
  $("slice").addEventListener("input", event => goTo(Number(event.target.value) - 1));
}

const started = start();
// Told where a volume is opened.
started.catch(() => {});
